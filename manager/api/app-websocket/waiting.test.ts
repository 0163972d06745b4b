import test from "ava";
import { mostPerAddress, mostPerNetwork, Waiting } from "./waiting.ts";

test("one address is limited, another is not", (t) => {
	const waiting = new Waiting();
	const leave = Array.from({ length: mostPerAddress }, () =>
		waiting.enter("10.0.0.1"),
	);
	t.is(waiting.enter("10.0.0.1"), undefined);
	t.truthy(waiting.enter("10.0.0.2"));
	leave[0]?.();
	leave[0]?.(); // Counts once.
	t.truthy(waiting.enter("10.0.0.1"));
	t.is(waiting.enter("10.0.0.1"), undefined);
});

test("many addresses together are limited; the private network is not kept out", (t) => {
	const waiting = new Waiting();
	for (let i = 0; i < mostPerNetwork; i++)
		t.truthy(waiting.enter(`8.8.8.${i}`));
	t.is(waiting.enter("9.9.9.9"), undefined);
	t.truthy(waiting.enter("192.168.0.1"));
});
