import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:tls";
import test from "ava";
import { freePort } from "../development/free-port.ts";
import { TestAcmeServer } from "../testing/test-acme-server.ts";
import { eventually, temporaryDirectory, timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { card, guestBrowser, logInToPage } from "./system/manager-page.ts";
import { loginPage, logins, outputOf, setClock } from "./system/steps.ts";

// A certificate authority on the network, Pebble on this host, issues a certificate to the device.
const minute = 60_000;
const authorityAt = { address: "10.0.2.100", port: await freePort() };
const machine = runningMachine(test, "acme", { hostServices: [authorityAt] });
const browser = guestBrowser(test, "acme");
const directory = temporaryDirectory();
const names = ["device.test", "also.device.test"];
let authority: TestAcmeServer;
test.after.always(async () => {
	await authority?.stop();
	directory.remove();
});

test.serial("the device trusts the authority's server", async (t) => {
	t.timeout(timeLimit(5 * minute));
	authority = await TestAcmeServer.start(
		...([directory.path, machine.port(80), authorityAt] as const),
	);
	await machine.console.login(...logins.root);
	await setClock(machine.console);
	const file = "/home/admin/authority.pem";
	const ssh = await machine.ssh(...logins.admin);
	await ssh.writeFile(file, await readFile(authority.authoritiesFile));
	ssh.close();
	await outputOf(
		machine.console,
		`sed -i '2i export MANAGER_ACME_CA_FILE=${file}' /etc/sv/manager/run && /etc/init.d/S92manager restart`,
		{ timeoutMs: 2 * minute },
	);
	await loginPage(machine);
	t.pass();
});

test.serial("a certificate is ordered on the page and served", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await logInToPage(browser.page, machine.url("manager"));
	await order(names);
	const next = /For device\.test, also\.device\.test: the next order is on/;
	await acme()
		.getByRole("status")
		.filter({ hasText: next })
		.waitFor({
			timeout: timeLimit(2 * minute),
		});
	t.is(await acme().getByRole("alert").count(), 0);
	const certificate = card(browser.page, "Certificate of the web server");
	await certificate.getByText("issued by ACME").waitFor();
	const shown = await eventually("a certificate", servedCertificate);
	t.regex(String(shown.issuer.CN), /^Pebble Intermediate/);
	t.deepEqual(
		shown.subjectaltname?.split(", ").sort(),
		names.map((name) => `DNS:${name}`).sort(),
	);
});

test.serial("a name that resolves to another host is reported", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const { fingerprint256 } = await servedCertificate();
	await authority.resolveTo("elsewhere.test", "127.0.0.2");
	await order(["elsewhere.test"]);
	await acme()
		.getByRole("alert")
		.waitFor({ timeout: timeLimit(2 * minute) });
	t.log(await acme().getByRole("alert").innerText());
	t.is((await servedCertificate()).fingerprint256, fingerprint256);
	t.deepEqual(browser.errors, []);
});

const acme = () => card(browser.page, "Automatic certificate (ACME)");

async function order(wanted: readonly string[]): Promise<void> {
	await browser.page
		.getByRole("button", { name: "Certificate", exact: true })
		.click();
	await acme().getByLabel("Host names").fill(wanted.join(" "));
	await acme().getByLabel("E-mail address").fill("admin@example.com");
	await acme()
		.getByLabel("Directory of the authority")
		.fill(authority.directoryUrl);
	await acme().getByLabel("I accept").check();
	await acme().getByRole("button", { name: "Order now and renew" }).click();
}

async function servedCertificate() {
	const socket = connect({
		...{ host: "127.0.0.1", port: machine.port(443) },
		rejectUnauthorized: false,
	});
	await once(socket, "secureConnect");
	const certificate = socket.getPeerCertificate();
	socket.destroy();
	return certificate;
}
