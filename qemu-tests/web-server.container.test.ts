import { join } from "node:path";
import test from "ava";
import { Lan, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { report } from "./system/report.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";
import type { WebAttack, WebAttackReport } from "./system/web-attack.ts";

// Attackers in the machine's network, and the manager's page for somebody else meanwhile.
const lan = new Lan();
const machine = runningContainer(test, "web-server", { lan });
const host = "10.0.2.15";
const attacker = "10.0.2.100";
const other = "10.0.2.101";
const maxPageMs = timeLimit(2_000);
const program = join(import.meta.dirname, "system/web-attack.ts");

test.serial("the attackers have addresses", async (t) => {
	await machine.console.login(...logins.root);
	for (const address of [attacker, other])
		await lan.inside("ip", "address", "add", `${address}/24`, "dev", "lan");
	t.pass();
});

test.serial("connections that stay silent shut nobody out", async (t) => {
	// More than this machine's web server accepts, of one address.
	const { pageMs, status } = await attacked({
		...{ kind: "silent", connections: 9_000, from: [attacker] },
	});
	t.is(status, 200);
	t.true(pageMs < maxPageMs, `${pageMs} ms`);
});

test.serial("HTTP/2 by prior knowledge is refused", async (t) => {
	const { pageMs, status, answers } = await attacked({
		...{ kind: "HTTP/2", connections: 10, from: [attacker] },
	});
	t.is(answers, 0);
	t.is(status, 200);
	t.true(pageMs < maxPageMs, `${pageMs} ms`);
});

test.serial("with few connections, slow headers shut nobody out", async (t) => {
	await outputOf(
		machine.console,
		"sed -i -E 's/(maxconn|MAX_CONNECTIONS) 11000/\\1 300/' /etc/haproxy/haproxy.cfg && /etc/init.d/S90haproxy restart",
	);
	await loginPage(machine);
	const { pageMs, status, open } = await attacked({
		...{ kind: "slow headers", connections: 400, from: [attacker] },
	});
	t.is(status, 200);
	t.true(pageMs < maxPageMs, `${pageMs} ms`);
	t.true(open > 30 && open < 100, `${open} connections`);
});

test.serial("a network of IPv6 is one source", async (t) => {
	const addresses = Array.from(
		{ length: 40 },
		(_, index) => `2001:db8:1::${index + 16}`,
	);
	const [otherNetwork, own] = ["2001:db8:2::1", "2001:db8:3::1"];
	for (const address of [...addresses, otherNetwork])
		await lan.inside(
			...["ip", "address", "add", `${address}/64`, "dev", "lan", "nodad"],
		);
	await lan.inside("ip", "route", "add", "2001:db8:3::/64", "dev", "lan");
	await outputOf(
		machine.console,
		`ip address add ${own}/64 dev eth0 nodad && for net in 1 2; do ip route add 2001:db8:$net::/64 dev eth0; done`,
	);
	const { pageMs, status, open } = await attacked({
		...{ kind: "slow headers", connections: 400, from: addresses },
		...{ host: own, other: otherNetwork },
	});
	t.is(status, 200);
	t.true(pageMs < maxPageMs, `${pageMs} ms`);
	t.true(open > 30 && open < 100, `${open} connections`);
});

async function attacked(
	attack: Pick<WebAttack, "kind" | "connections" | "from"> & Partial<WebAttack>,
): Promise<WebAttackReport> {
	const text = await lan.inside(
		...[process.execPath, "--import=tsx", program],
		JSON.stringify({ host, other, ...attack }),
	);
	await report("web server under attack", {
		[`${attack.kind}, ${attack.from[0]}`]: JSON.parse(text),
	});
	return JSON.parse(text);
}
