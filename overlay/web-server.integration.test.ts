import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { Agent, request } from "undici";
import { freePort } from "../development/free-port.ts";
import { until } from "../testing/test-appliance.ts";

test("silent connections do not hide the progress of an update", async (t) => {
	const directory = await mkdtemp(join(tmpdir(), "rescue-web-server-"));
	const certificate = join(directory, "certificate.pem");
	const pem = execFileSync(
		"openssl",
		"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test -keyout -".split(
			" ",
		),
		{ stdio: ["ignore", "pipe", "ignore"] },
	);
	await writeFile(certificate, pem);
	const progress = createServer((_request, response) => response.end("50 %"));
	await once(progress.listen(0, "127.0.0.1"), "listening");
	const [http, https] = [await freePort(), await freePort()];
	const shipped = new URL("rescue/etc/haproxy/haproxy.cfg", import.meta.url);
	const file = join(directory, "haproxy.cfg");
	await writeFile(
		file,
		(await readFile(shipped, "utf8"))
			.replaceAll("/mnt/sda2/system/webserver/certificate.pem", certificate)
			.replace(":::443 v4v6", `127.0.0.1:${https}`)
			.replace(":::444 v4v6", `127.0.0.1:${await freePort()}`)
			.replace(":::80 v4v6", `127.0.0.1:${http}`)
			.replace(":8080", `:${(progress.address() as AddressInfo).port}`)
			.replaceAll(/^\t(user|group|log) .*\n/gm, ""),
	);
	const haproxy = spawn("/usr/sbin/haproxy", ["-db", "-f", file], {
		stdio: "ignore",
	});
	t.teardown(async () => {
		haproxy.kill("SIGKILL");
		progress.close();
		await rm(directory, { recursive: true });
	});
	const page = async () => {
		const agent = new Agent({ connect: { rejectUnauthorized: false } });
		const url = `https://127.0.0.1:${https}/manager/`;
		const signal = AbortSignal.timeout(2_000);
		const { body } = await request(url, { dispatcher: agent, signal });
		const text = await body.text();
		await agent.destroy();
		return text;
	};
	await until("the page is served", async () => (await page()) === "50 %");

	const attack = Array.from({ length: 150 }, () =>
		connect({ host: "127.0.0.1", port: https, localAddress: "127.0.0.2" })
			.on("error", () => {})
			.resume(),
	);
	t.teardown(() => {
		for (const socket of attack) socket.destroy();
	});
	await until(
		"most are refused",
		async () => attack.filter(({ closed }) => !closed).length <= 20,
		5_000,
	);
	t.is(await page(), "50 %");
});
