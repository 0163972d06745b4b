import { Duplex } from "node:stream";
import test from "ava";
import { Console } from "./console.ts";

/** A terminal line whose other end is this test. */
function line(): { console: Console; show(text: string): void } {
	const stream = new Duplex({
		read() {},
		write: (_chunk, _enc, done) => done(),
	});
	return {
		console: new Console(stream),
		show: (text) => stream.push(Buffer.from(text)),
	};
}

test("waits for text that comes in pieces", async (t) => {
	const { console, show } = line();
	const found = console.expect(/login: (\w+)!/);
	show("app-platform lo");
	show("gin: ad");
	show("min!");
	t.is((await found)[1], "admin");
});

test("finds each text once, in its order", async (t) => {
	const { console, show } = line();
	show("one two one");
	await console.expect("one");
	await console.expect("two");
	await console.expect("one");
	await t.throwsAsync(console.expect("one", { timeoutMs: 20 }));
});

test("sees text without colours and cursor movements, even cut apart", async (t) => {
	const { console, show } = line();
	show("\u001b[1;3");
	show("1mset default\u001b[0m=1\r");
	show("\nnext");
	await console.expect("set default=1\nnext");
	t.pass();
});

test("gives up at once on what must not come first", async (t) => {
	const { console, show } = line();
	show("Kernel panic - not syncing");
	await t.throwsAsync(console.expect("login:"), { message: /Kernel panic/ });
});

test("gives up when the line ends", async (t) => {
	const stream = new Duplex({ read() {} });
	const console = new Console(stream);
	const waiting = console.expect("login:");
	stream.destroy();
	await t.throwsAsync(waiting, { message: /the end of the line/ });
});

test("two may wait at once, and neither outlives the line", async (t) => {
	const stream = new Duplex({ read() {}, write() {} });
	const console = new Console(stream);
	const watcher = console.expect(/(?!)/, { unless: /This FAILED/ });
	const second = console.expect("later");
	stream.push("sooner");
	stream.destroy();
	for (const waiting of [watcher, second])
		await t.throwsAsync(waiting, { message: /the end of the line/ });
	const failing = line();
	const watch = failing.console.expect(/(?!)/, { unless: /This FAILED/ });
	const other = failing.console.expect("the end");
	failing.show("This FAILED");
	await t.throwsAsync(watch, { message: /This FAILED/ });
	failing.show("the end");
	await t.notThrowsAsync(other);
});
