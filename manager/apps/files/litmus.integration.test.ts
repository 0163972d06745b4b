import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { connect } from "node:tls";
import { promisify } from "node:util";
import test from "ava";
import { TestAppliance } from "../../testing/test-appliance.ts";

const run = promisify(execFile);
const password = "litmus-password";
const appliance = await TestAppliance.withApp(import.meta.dirname);
test.after.always(() => appliance.remove());

// litmus leaves out a test where there is TLS: what it says without goes to the web server's port.
const plain = createServer((socket) => {
	const { port } = new URL(appliance.origin);
	const encrypted = connect({ port: Number(port), rejectUnauthorized: false });
	socket.pipe(encrypted).pipe(socket);
	for (const end of [socket, encrypted]) end.on("error", () => {});
});
let path = "";
test.before(async () => {
	path = await appliance.createInstance("app-platform_files", "dav", password);
	plain.listen(0, "127.0.0.1");
	await once(plain, "listening");
});
test.after.always(() => plain.close());

for (const suite of ["basic", "copymove", "props", "locks", "http"])
	test.serial(`litmus finds nothing wrong: ${suite}`, async (t) => {
		const { port } = plain.address() as AddressInfo;
		const origin =
			suite === "http" ? `http://127.0.0.1:${port}` : appliance.origin;
		const url = `${origin}${path}dav/`;
		const { stdout } = await run("litmus", [url, "dav", password], {
			cwd: appliance.manager.directory, // Where it writes its logs.
			env: { ...process.env, TESTS: suite },
		}).catch((error) => error as { stdout: string });
		t.regex(stdout, /: of \d+ tests run: \d+ passed, 0 failed/);
		t.notRegex(stdout, /WARNING|SKIPPED/);
	});
