import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import test, { type ExecutionContext } from "ava";
import { DownloadRefused, followRedirects } from "./follow-redirects.ts";
import { isInsideAddress } from "./inside-address.ts";

// All servers are on loopback; in these tests this one is outside, and the others are what they are.
const outside = "127.0.0.9";
const isInside: typeof isInsideAddress = (address, ...others) =>
	address !== outside && isInsideAddress(address, ...others);

/** Starts a server that answers, or redirects to where the path says. @returns its port. */
async function serve(t: ExecutionContext, address: string) {
	const requests: string[] = [];
	const server = createServer(({ url = "" }, response) => {
		requests.push(url);
		const [, location] = /^\/to\/(.*)$/.exec(url) ?? [];
		if (location === undefined) response.end("content");
		else response.writeHead(302, { location }).end();
	});
	await once(server.listen(0, address), "listening");
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	return { port, requests, url: `http://${address}:${port}` };
}

const get = async (url: string, test = isInside) => {
	const response = await followRedirects(
		url,
		{},
		AbortSignal.timeout(10_000),
		test,
	);
	response.resume();
	return response.statusCode;
};

test("a server outside does not redirect to addresses inside", async (t) => {
	const store = await serve(t, outside);
	const inside = await serve(t, "127.0.0.1");
	for (const [location, reason] of [
		[inside.url, /redirects to 127\.0\.0\.1, an address inside this network/],
		[`http://2130706433:${inside.port}/`, /redirects to 127\.0\.0\.1/],
		[`http://[::ffff:127.0.0.1]:${inside.port}/`, /an address inside/],
		// A name is looked up for the connection.
		[
			`http://localhost:${inside.port}/`,
			/redirects to localhost \((127\.0\.0\.1|::1)\), an address inside/,
		],
		// In two steps.
		[`${store.url}/to/${inside.url}`, /redirects to 127\.0\.0\.1/],
	] as const) {
		const error = await t.throwsAsync(get(`${store.url}/to/${location}`), {
			instanceOf: DownloadRefused,
		});
		t.regex(error.message, reason);
	}
	t.deepEqual(inside.requests, []);
	t.is(await get(`${store.url}/to/${store.url}/file`), 200);
});

test("a connection made for a server inside is not used for one outside", async (t) => {
	const store = await serve(t, outside);
	const inside = await serve(t, "127.0.0.1");
	const name = `http://localhost:${inside.port}/file`;
	t.is(await get(name), 200);
	await t.throwsAsync(get(`${store.url}/to/${name}`), {
		instanceOf: DownloadRefused,
	});
	t.deepEqual(inside.requests, ["/file"]);
});

test("a server inside may redirect to addresses inside", async (t) => {
	const one = await serve(t, "127.0.0.1");
	const other = await serve(t, "127.0.0.2");
	t.is(await get(`${one.url}/to/${other.url}/file`), 200);
	t.is(
		await get(`${one.url}/to/${other.url}/file`, (one) => isInsideAddress(one)),
		200,
	);
	t.deepEqual(other.requests, ["/file", "/file"]);
});

test("errors of connections have a reason and no errno, which those of disks have", async (t) => {
	for (const host of ["127.0.0.1", "localhost"]) {
		const error = await t.throwsAsync(get(`http://${host}:1/`));
		t.regex(error.message, /ECONNREFUSED/);
		t.false(error instanceof DownloadRefused);
		t.is((error as NodeJS.ErrnoException).errno, undefined);
	}
});

test("an idle connection that the server closes is replaced", async (t) => {
	const used = new Set<Socket>();
	const answered: string[] = [];
	const server = createServer(({ url = "", socket }, response) => {
		if (used.has(socket)) return void socket.destroy();
		used.add(socket);
		answered.push(url);
		response.end("content");
	});
	await once(server.listen(0, "127.0.0.1"), "listening");
	t.teardown(() => void server.close());
	const { port } = server.address() as AddressInfo;
	for (const path of ["/one", "/two"]) {
		const body = await followRedirects(
			`http://127.0.0.1:${port}${path}`,
			{},
			AbortSignal.timeout(10_000),
		);
		await once(body.resume(), "end");
	}
	t.deepEqual(answered, ["/one", "/two"]);
});

test("addresses inside are those that the Internet cannot reach", (t) => {
	for (const address of [
		...["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.1.1"],
		...["100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1"],
		...["::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1"],
		...["::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::"],
	])
		t.true(isInsideAddress(address), address);
	for (const address of [
		...["1.1.1.1", "172.15.0.1", "2606:4700::1111", "64:ff9b::101:101"],
		"::ffff:1.1.1.1",
	])
		t.false(isInsideAddress(address), address);
});

test("this machine and the LAN's global IPv6 addresses are inside", (t) => {
	const of = (address: string, cidr: string) => ({
		...{ address, cidr, netmask: "", mac: "", internal: false },
		...(address.includes(":")
			? { family: "IPv6" as const, scopeid: 0 }
			: { family: "IPv4" as const }),
	});
	const interfaces = () => ({
		eth0: [
			of("8.8.8.8", "8.8.8.8/24"),
			of("2600::1", "2600::1/64"),
			of("2a00::1", "2a00::1/3"),
		],
	});
	for (const [address, isInside] of [
		["8.8.8.8", true],
		["8.8.8.9", false],
		["2600::2", true],
		["2600:0:0:1::2", false],
	] as const)
		t.is(isInsideAddress(address, interfaces), isInside, address);
});
