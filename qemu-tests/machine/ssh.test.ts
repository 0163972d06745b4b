import { once } from "node:events";
import type { AddressInfo } from "node:net";
import test from "ava";
import ssh2 from "ssh2";
import { Ssh } from "./ssh.ts";

test("the exit code of a command that ends at once is not lost", async (t) => {
	const server = new ssh2.Server(
		{ hostKeys: [ssh2.utils.generateKeyPairSync("ed25519").private] },
		(client) => {
			client.on("authentication", (attempt) => attempt.accept());
			client.on("session", (accept) =>
				accept().on("exec", (acceptExec) => {
					const stream = acceptExec();
					stream.write("done");
					stream.exit(3);
					stream.end();
				}),
			);
		},
	);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	const ssh = await Ssh.connect(port, { user: "admin", password: "pwd" });
	t.teardown(() => {
		ssh.close();
		server.close();
	});
	for (let count = 0; count < 10; count += 1)
		t.deepEqual(await ssh.run("true"), { exitCode: 3, output: "done" });
});
