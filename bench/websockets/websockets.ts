import { execFileSync } from "node:child_process";
import { join } from "node:path";
import Table from "cli-table3";
import { prepareHost } from "../../pipeline/host.ts";
import { TestAppliance } from "../../testing/test-appliance.ts";
import { Clients } from "./clients-process.ts";
import { EchoApp } from "./echo-app.ts";
import { cpuMs, processTree, settledMemoryBytes } from "./process-figures.ts";
import { imageHaproxy, startNginx, startNodeProxy } from "./web-servers.ts";

/**
 * Measures idle TLS WebSockets to an app through our web server and others in turn: memory, connection rate, added
 * delay. Run `node --import=tsx bench/websockets/websockets.ts [COUNT]` after a build.
 * qemu-tests/many-websockets.long.test.ts measures the kernel's memory.
 */
const count = Number(process.argv[2] ?? 4_000);
/** Connections opened first, so that one-time allocations of a server are not counted. */
const countBefore = 200;
const messagesPerSecond = 1_000;
const seconds = 10;

/** In the order of `figures`. */
const heads = [
	"web server's memory per connection, KB",
	"app's memory per connection, KB",
	"connections made per second",
	"web server's CPU time per connection, ms",
	`median time of a message and its echo at ${messagesPerSecond}/s, µs more than without a web server`,
];
const columns: { name: string; figures: number[] }[] = [];

prepareHost(["image", "test", "bench"]);
const haproxy = await imageHaproxy();
const appliance = await TestAppliance.create();
try {
	const { webServer } = appliance;
	// Apps get most connections, but not all.
	webServer.maxConnections = Math.ceil(1.1 * (count + countBefore)) + 100;
	await appliance.start();
	const app = await EchoApp.install(appliance);
	await webServer.kill();

	const direct = new Clients(`ws+unix:${app.socket}:${EchoApp.path}`);
	await direct.open(countBefore);
	const without = await direct.delays(messagesPerSecond, seconds);
	await direct.end();

	const measure = async (
		name: string,
		{ port, pid }: { port: number; pid: number },
	) => {
		console.error(`${name} …`);
		const server = processTree(pid);
		const service = [await app.restart()];
		const clients = new Clients(`wss://127.0.0.1:${port}${EchoApp.path}`);
		await clients.open(countBefore);
		const serverBytes = await settledMemoryBytes(server);
		const serviceBytes = await settledMemoryBytes(service);
		const serverMs = cpuMs(server);
		const perSecond = await clients.open(count);
		const msPerConnection = (cpuMs(server) - serverMs) / count;
		const kilobytes = async (pids: number[], before: number) =>
			((await settledMemoryBytes(pids)) - before) / count / 1000;
		const figures = [
			await kilobytes(server, serverBytes),
			await kilobytes(service, serviceBytes),
			perSecond,
			msPerConnection,
		];
		const { median } = await clients.delays(messagesPerSecond, seconds);
		figures.push(median - without.median);
		columns.push({ name, figures });
		await clients.end();
	};

	for (const command of [haproxy, ["/usr/sbin/haproxy"]] as const) {
		webServer.command = command;
		await webServer.start();
		await appliance.waitForStatus(EchoApp.path);
		const [program, ...prefix] = command;
		const version = execFileSync(program, [...prefix, "-v"], {
			encoding: "utf8",
		});
		const [, , number] = version.split(" ");
		await measure(`ours, HAProxy ${number}`, webServer);
		await webServer.kill();
	}
	const options = {
		certificate: join(webServer.certificates, "certificate.pem"),
		socket: app.socket,
		maxConnections: count + countBefore,
		directory: appliance.manager.directory,
	};
	for (const [name, start] of [
		["nginx", startNginx],
		["Node, httpxy", startNodeProxy],
	] as const) {
		const peer = await start(options);
		await measure(name, peer);
		await peer.end();
	}
	await app.end();
} finally {
	await appliance.remove();
}

const table = new Table({ head: ["", ...columns.map(({ name }) => name)] });
for (const [index, head] of heads.entries()) {
	const [ours = 0, ...others] = columns.map(({ figures }) => figures[index]);
	const cell = (figure = 0) => figure.toPrecision(3);
	const compared = (figure = 0) =>
		`${cell(figure)} (${(figure / ours).toFixed(2)} times ours)`;
	table.push([head, cell(ours), ...others.map(compared)]);
}
console.log(table.toString());
