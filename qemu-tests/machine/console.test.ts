import { Duplex } from "node:stream";
import test from "ava";
import { Console } from "./console.ts";

/** A terminal whose other end is this test. */
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

test("waits for text that arrives in pieces", async (t) => {
	const { console, show } = line();
	const found = console.expect(/login: (\w+)!/);
	show("app-platform lo");
	show("gin: ad");
	show("min!");
	t.is((await found)[1], "admin");
});

test("matches each text once, in order", async (t) => {
	const { console, show } = line();
	show("one two one");
	await console.expect("one");
	await console.expect("two");
	await console.expect("one");
	await t.throwsAsync(console.expect("one", { timeoutMs: 20 }));
});

test("strips colours and cursor movements, even when split between chunks", async (t) => {
	const { console, show } = line();
	show("\u001b[1;3");
	show("1mset default\u001b[0m=1\r");
	show("\nnext");
	await console.expect("set default=1\nnext");
	t.pass();
});

test("fails at once on a kernel panic", async (t) => {
	const { console, show } = line();
	show("Kernel panic - not syncing");
	await t.throwsAsync(console.expect("login:"), { message: /Kernel panic/ });
});

test("fails when the connection closes", async (t) => {
	const stream = new Duplex({ read() {} });
	const console = new Console(stream);
	const waiting = console.expect("login:");
	stream.destroy();
	await t.throwsAsync(waiting, { message: /a closed connection/ });
});

test("two callers can wait at once, and both fail when the connection closes", async (t) => {
	const stream = new Duplex({ read() {}, write() {} });
	const console = new Console(stream);
	const watcher = console.expect(/(?!)/, { unless: /This FAILED/ });
	const second = console.expect("later");
	stream.push("sooner");
	stream.destroy();
	for (const waiting of [watcher, second])
		await t.throwsAsync(waiting, { message: /a closed connection/ });
	const failing = line();
	const watch = failing.console.expect(/(?!)/, { unless: /This FAILED/ });
	const other = failing.console.expect("the end");
	failing.show("This FAILED");
	await t.throwsAsync(watch, { message: /This FAILED/ });
	failing.show("the end");
	await t.notThrowsAsync(other);
});

test("logs in despite messages of services", async (t) => {
	const typed: string[] = [];
	const answers: Record<string, string> = {
		"\n": "\napp-platform login: \nS90install FAILED\n",
		"root\n": "Password: ",
		"secret\n": "\nroot@app-platform:~# I/O error, dev vda\n",
	};
	const stream = new Duplex({
		read() {},
		write(chunk: Buffer, _encoding, done) {
			const text = chunk.toString();
			typed.push(text);
			const id = /<(\d+\.\d+)'/.exec(text)?.[1];
			stream.push(id ? `<<${id}\n>>${id} 0\n` : answers[text]);
			done();
		},
	});
	const console = new Console(stream);
	stream.push("app-platform login: \nLinux version 6.12\n");
	const loggedIn = console.login("root", "secret", { timeoutMs: 1_000 });
	stream.push("app-platform login: Verifying the files\n");
	await loggedIn;
	t.deepEqual(typed.slice(0, 2), ["root\n", "secret\n"]);

	typed.length = 0;
	await console.login("root", "secret", { timeoutMs: 1_000 });
	t.deepEqual(typed.slice(0, 3), ["\n", "root\n", "secret\n"]);
});
