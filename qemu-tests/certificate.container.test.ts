import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";
import test from "ava";
import { TestAuthority } from "../testing/test-authority.ts";
import { eventually } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { card, guestBrowser, logInToPage } from "./system/manager-page.ts";
import { killProcess, processes } from "./system/processes.ts";
import { logins, managerCookie, setClock } from "./system/steps.ts";

// An administrator uploads a certificate, and the web server uses it.
const name = "device.example.com";
const root = await TestAuthority.create("Root");
const intermediate = await root.intermediate("Intermediate");
const server = await intermediate.server(name);
const other = await root.server("other.example.com");
const complete = [server, intermediate, root]
	.map(({ certificate }) => certificate)
	.concat(server.key)
	.join("");
const machine = runningContainer(test, "certificate");
const browser = guestBrowser(test, "certificate");
let before = "";

test.serial("the device serves its own certificate at first", async (t) => {
	await machine.console.login(...logins.root);
	await setClock(machine.console);
	await ownCertificateHas("10.0.2.15");
	await logInToPage(browser.page, machine.url("manager"));
	await browser.page
		.getByRole("button", { name: "Certificate", exact: true })
		.click();
	await page().getByText("the device's own, which browsers warn of").waitFor();
	const { fingerprint, isTrusted } = await served();
	await page().getByText(fingerprint).waitFor();
	t.false(isTrusted);
	before = fingerprint;
});

test.serial(
	"an invalid certificate is refused with the reason and changes nothing",
	async (t) => {
		for (const [pem, words] of [
			[other.key, "There is no certificate in the file."],
			[server.certificate, "There is no private key in the file"],
			[
				server.certificate + intermediate.certificate + other.key,
				`The private key does not belong to the first certificate ("${name}")`,
			],
			[
				server.certificate + server.key,
				"An intermediate certificate is missing",
			],
		] as const) {
			await page().getByLabel("or its text").fill(pem);
			await take();
			await page().getByRole("alert").filter({ hasText: words }).waitFor();
		}
		t.is((await served()).fingerprint, before);
	},
);

test.serial("a valid one is used at once, connections persist", async (t) => {
	const cookie = await managerCookie(machine);
	const socket = machine.websocket("/manager/api/ws", { cookie }, "manager");
	await once(socket, "open");
	await page()
		.getByLabel("File with certificate")
		.setInputFiles({
			...{ name: "device.pem", mimeType: "application/x-pem-file" },
			buffer: Buffer.from(complete),
		});
	await take();
	await page().getByText("uploaded").waitFor();
	const { fingerprint256 } = new X509Certificate(server.certificate);
	await page().getByText(fingerprint256).waitFor();
	t.like(await served(), {
		fingerprint: fingerprint256,
		isTrusted: true,
	});
	socket.send(JSON.stringify({ id: 1, operation: "session" }));
	const [answer] = await once(socket, "message");
	t.like(JSON.parse(String(answer)), { id: 1, output: { loggedIn: true } });
	socket.terminate();
});

test.serial("the certificate survives kill -9 of HAProxy", async (t) => {
	await killProcess(machine, processes.haproxy);
	const { isTrusted } = await eventually("HAProxy answers", served);
	t.true(isTrusted);
});

test.serial("a button restores the device's own certificate", async (t) => {
	await page()
		.getByRole("button", { name: "Back to the device's own certificate" })
		.click();
	await page().getByText("the device's own, which browsers warn of").waitFor();
	t.like(await served(), { fingerprint: before, isTrusted: false });
	t.deepEqual(browser.errors, []);
});

test.serial("the device's own certificate gets new addresses", async (t) => {
	await machine.console.run("ip address add 198.51.100.7/32 dev eth0");
	await ownCertificateHas("198.51.100.7");
	t.not((await served()).fingerprint, before);
});

/** The manager compares the addresses each minute. */
function ownCertificateHas(address: string): Promise<unknown> {
	return eventually(
		`the certificate is for ${address}`,
		async () =>
			(await served()).names.includes(`IP Address:${address}`) || undefined,
		{ timeoutMs: 2 * 60_000 },
	);
}

const page = () => card(browser.page, "Certificate of the web server");

const take = () =>
	page().getByRole("button", { name: "Use this certificate" }).click();

/** Returns the certificate of a new connection, and whether a client that trusts the root accepts it. */
async function served() {
	const socket = connect({
		...{ host: "127.0.0.1", port: machine.port(443), servername: name },
		...{ ca: root.certificate, rejectUnauthorized: false },
	});
	await once(socket, "secureConnect");
	const { fingerprint256, subjectaltname = "" } = socket.getPeerCertificate();
	const isTrusted = socket.authorized;
	socket.destroy();
	return {
		fingerprint: fingerprint256,
		names: subjectaltname.split(", "),
		isTrusted,
	};
}
