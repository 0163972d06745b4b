import { mkdtemp, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import {
	createSealingKey,
	isSealed,
	seal,
	sealed,
	sealText,
	unseal,
	unsealText,
} from "./seal.ts";
import { MachineKey } from "./secrets.ts";

const key = createSealingKey();

test("a secret can be unsealed with its key and the context it is bound to", (t) => {
	const box = sealed.parse(
		JSON.parse(JSON.stringify(seal("Müller", key, "a"))),
	);
	t.is(unseal(box, key, "a"), "Müller");
	t.is(unseal(box, createSealingKey(), "a"), undefined);
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

test("a sealed text says which key it needs, and belongs to one place", (t) => {
	const text = sealText("Müller", key, "a");
	t.regex(text, /^sealed:1:[0-9a-f]{16}:[^:]+:[^:]+:[^:]+$/);
	t.true(isSealed(text));
	t.false(isSealed("Müller"));
	t.is(unsealText(text, key, "a"), "Müller");
	t.is(unsealText(text, key, "b"), undefined);
	t.is(unsealText(text, createSealingKey(), "a"), undefined);
	t.is(unsealText(text.replace(":1:", ":2:"), key, "a"), undefined);
	const padding = "==".length;
	for (let length = 0; length < text.length - padding; length++)
		t.is(unsealText(text.slice(0, length), key, "a"), undefined);
});

test("a key is created once and only its owner can read it, a damaged key is set aside", async (t) => {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-key-"));
	t.teardown(() => rm(directory, { recursive: true }));
	const file = join(directory, "manager", "key");
	const machineKey = new MachineKey(file);
	t.is(await machineKey.current(), undefined);
	const [key, same] = await Promise.all([
		machineKey.currentOrNew(),
		machineKey.currentOrNew(),
	]);
	t.is(key.bytes.length, 32);
	t.deepEqual(same, key);
	t.deepEqual(await new MachineKey(file).currentOrNew(), key);
	t.is((await stat(file)).mode & 0o777, 0o600);
	t.is((await stat(join(directory, "manager"))).mode & 0o777, 0o700);
	await truncate(file, 5); // As a power cut may leave it.
	t.is(await machineKey.current(), undefined);
	t.notDeepEqual(await machineKey.currentOrNew(), key);
	t.is((await stat(`${file}.damaged`)).size, 5);
});

test("any secret can be unsealed, and no changed bit goes unnoticed", (t) => {
	const anyText = fc.string({ unit: "grapheme" });
	fc.assert(
		fc.property(anyText, anyText, fc.nat(), (secret, context, at) => {
			const box = seal(secret, key, context);
			t.is(unseal(box, key, context), secret);
			for (const part of ["nonce", "content", "tag"] as const) {
				const bytes = Buffer.from(box[part], "base64");
				if (bytes.length === 0) continue;
				const bit = at % (8 * bytes.length);
				bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
				const changed = { ...box, [part]: bytes.toString("base64") };
				t.is(unseal(changed, key, context), undefined);
			}
		}),
	);
});
