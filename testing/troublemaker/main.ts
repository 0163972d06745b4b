import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

// A service without the SDK, for tests. It sends the body of a POST to the manager, `?times=` times.
const { values } = parseArgs({
	options: { manager: { type: "string" }, service: { type: "string" } },
});
const manager = connect(values.manager ?? "");
const say = (message: object) => manager.write(`${JSON.stringify(message)}\n`);
manager.on("error", () => {});
manager.on("close", () => process.exit(0));
say({ mt: "Hello", protocol: 1, service: values.service });

let server: Server | undefined;
/** Types of the received messages. */
const received: string[] = [];
createInterface({ input: manager }).on("line", (line) => {
	const message = JSON.parse(line);
	received.push(message.mt);
	if (message.mt === "Shutdown") process.exit(0);
	if (message.mt !== "StartInstance") return;
	const { name, domain, webServer } = message.instance;
	process.umask(0o007);
	// StartInstance may arrive twice.
	server?.close();
	rmSync(webServer.socket, { force: true });
	server = createServer(async (request, response) => {
		if (request.url?.endsWith("/crash")) process.abort();
		if (request.url?.endsWith("/heard"))
			return void response.end(JSON.stringify(received));
		const url = new URL(request.url ?? "", "http://localhost");
		const chunks = [];
		for await (const chunk of request) chunks.push(chunk);
		const line = Buffer.concat(chunks);
		// The answer first: the manager may end this process immediately.
		response.end(process.pid.toString(), () => {
			const times = Number(url.searchParams.get("times") ?? 1);
			for (let count = 0; count < times; count++) manager.write(line);
		});
	}).listen(webServer.socket, () =>
		say({ mt: "InstanceState", name, domain, state: "running" }),
	);
});
