import test from "ava";
import { maxIdleMs, maxSessionMs, Sessions } from "./sessions.ts";

test("a session is found by its exact token only", (t) => {
	const sessions = new Sessions();
	const token = sessions.begin(true);
	t.true(sessions.find(token)?.usedDefaultPassword);
	t.is(sessions.find(`${token}x`), undefined);
	t.is(sessions.find(""), undefined);
});

test("an idle session ends", (t) => {
	let now = 0;
	const sessions = new Sessions(() => now);
	const token = sessions.begin(false);
	now += maxIdleMs - 1;
	t.truthy(sessions.find(token));
	now += maxIdleMs - 1;
	t.truthy(sessions.find(token), "use prolongs it");
	now += maxIdleMs;
	t.is(sessions.find(token), undefined);
});

test("a session ends after its maximum duration even while it is used", (t) => {
	let now = 0;
	const sessions = new Sessions(() => now);
	const token = sessions.begin(false);
	for (; now < maxSessionMs; now += maxIdleMs / 2)
		t.truthy(sessions.find(token));
	t.is(sessions.find(token), undefined);
});

test("ending one session leaves the others", (t) => {
	const sessions = new Sessions();
	const first = sessions.begin(false);
	const second = sessions.begin(false);
	const session = sessions.find(first);
	if (session) sessions.end(session);
	t.is(sessions.find(first), undefined);
	t.truthy(sessions.find(second));
	sessions.endAll();
	t.is(sessions.find(second), undefined);
});

test("the number of sessions is limited, the oldest are dropped", (t) => {
	const sessions = new Sessions();
	const first = sessions.begin(false);
	for (let i = 1; i < 1_000; i++) sessions.begin(false);
	t.truthy(sessions.find(first));
	const last = sessions.begin(false);
	t.is(sessions.find(first), undefined);
	t.truthy(sessions.find(last));
});
