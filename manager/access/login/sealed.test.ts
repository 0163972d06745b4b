import { randomBytes } from "node:crypto";
import test from "ava";
import { keyBytes, seal, sealed, unseal } from "./sealed.ts";

const key = randomBytes(keyBytes);

test("a secret can be unsealed with its key and the context it is bound to", (t) => {
	const box = sealed.parse(
		JSON.parse(JSON.stringify(seal("Müller", key, "a"))),
	);
	t.is(unseal(box, key, "a"), "Müller");
	t.is(unseal(box, randomBytes(keyBytes), "a"), undefined);
	t.is(unseal(box, key, "b"), undefined);
});

test("a tampered secret cannot be unsealed", (t) => {
	const box = seal("secret", key, "a");
	const other = seal("secret", key, "a");
	t.not(box.content, other.content);
	for (const wrong of [
		{ ...box, content: other.content },
		{ ...box, nonce: other.nonce },
		{ ...box, tag: other.tag },
		{ ...box, tag: box.tag.slice(0, 4) },
		{ ...box, tag: "" },
		{ ...box, nonce: "" },
	])
		t.is(unseal(wrong, key, "a"), undefined);
});
