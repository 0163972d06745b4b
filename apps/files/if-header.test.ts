import test from "ava";
import { IfHeader, type ResourceState } from "./if-header.ts";

const here = { tokens: ["urn:uuid:1"], etag: '"e"' };
const there = { tokens: ["urn:uuid:2"], etag: undefined };
const states = new Map<string | undefined, ResourceState>([
	[undefined, here],
	["/there", there],
]);
const holds = (text: string) => new IfHeader(text).holds(states);

test("a list holds when all its conditions do, the header when one list does", (t) => {
	t.true(holds("(<urn:uuid:1>)"));
	t.false(holds("(<urn:uuid:2>)"));
	t.true(holds('(<urn:uuid:1> ["e"])'));
	t.false(holds('(<urn:uuid:1> ["f"])'));
	t.true(holds('(["f"]) (["e"])'));
	t.true(holds("(Not <urn:uuid:2>)"));
	t.false(holds("(<urn:uuid:1> not <urn:uuid:1>)"));
	t.true(holds("(Not <DAV:no-lock>)"));
	t.false(holds("(<DAV:no-lock>)"));
});

test("a list applies to the resource before it", (t) => {
	t.true(holds("</there> (<urn:uuid:2>)"));
	t.false(holds("</there> (<urn:uuid:1>) (<urn:uuid:3>)"));
	t.false(holds('</nowhere> (["e"])'));
	const header = new IfHeader('(<a>) </there> (<b> Not <c>) (["d"])');
	t.deepEqual(header.tokens, ["a", "b", "c"]);
	t.deepEqual(header.resources, [undefined, "/there"]);
});

test("a malformed header is refused", (t) => {
	for (const text of [
		...["", "()", "(", "<a>", "(<a>", "<a>)", "((<a>))", "(Not)", "(<a>))"],
		...["(Not Not <a>)", "(<>)", "([e])", "(<a>) rubbish", "(a)"],
	])
		t.throws(() => new IfHeader(text), { message: /If/ }, text);
});
