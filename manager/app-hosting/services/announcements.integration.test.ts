import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import test from "ava";
import { makeStore } from "../../../development/make-store.ts";
import { TestAppliance, until } from "../../../testing/test-appliance.ts";
import { TestAuthority } from "../../../testing/test-authority.ts";

// Services get the certificate and the DNS name at their start and at each change.
const testing = join(import.meta.dirname, "../../../testing");
const appliance = await TestAppliance.create();
const { manager, webServer } = appliance;
const done = appliance.done.bind(appliance);
const root = await TestAuthority.create("Root");
const authority = await root.intermediate("Upper");
const path = "/example.com/listener/";
const older = "/example.com/older/";

interface Received {
	pid: number;
	atStart: { certificates?: string; dnsName?: string };
	now: { certificates?: string; dnsName?: string };
	certificates: string[];
	dnsNames: (string | null)[];
}

test.before(async () => {
	const store = join(manager.directory, "store");
	const apps = ["listener", "troublemaker"];
	await makeStore(
		apps.map((app) => join(testing, app)),
		store,
	);
	await appliance.start();
	await done("storeUrlChange", { url: store });
	for (const id of apps) await done("serviceInstall", { id });
	await appliance.createInstance("listener", "listener", "password");
	await appliance.createInstance("troublemaker", "older", "password");
	for (const one of [path, older]) await appliance.waitForStatus(one);
});
test.after.always(() => appliance.remove());

const received = async (): Promise<Received> =>
	JSON.parse((await appliance.fetch(path)).text);

/** Returns the fingerprint of the certificate that the web server sends. */
async function servedFingerprint(): Promise<string> {
	const { port } = webServer;
	const socket = connect({ port, rejectUnauthorized: false });
	await once(socket, "secureConnect");
	const { fingerprint256 } = socket.getPeerCertificate();
	socket.destroy();
	return fingerprint256;
}

const fingerprint = (pem = "") => new X509Certificate(pem).fingerprint256;

test.serial("a new service gets the certificate without its key", async (t) => {
	const { atStart, certificates, dnsNames } = await received();
	t.is(fingerprint(atStart.certificates), await servedFingerprint());
	t.deepEqual(certificates, [atStart.certificates]);
	t.notRegex(atStart.certificates ?? "", /PRIVATE/);
	t.is(atStart.dnsName, undefined);
	t.deepEqual(dnsNames, [null]);
});

test.serial("a DNS name is announced, an invalid one is refused", async (t) => {
	t.deepEqual(await done("dnsName"), { dnsName: null });
	for (const dnsName of ["", "a b", "1.2.3.4", "-a.example", "a..b", "*.a.b"]) {
		const { status, body } = await appliance.call("dnsNameChange", { dnsName });
		t.is(status, 400, dnsName);
		t.regex(body.error.message, /host name/);
	}
	const { pid } = await received();
	await done("dnsNameChange", { dnsName: "Apps.Example.com" });
	t.deepEqual(await done("dnsName"), { dnsName: "apps.example.com" });
	await until(
		"it is received",
		async () => (await received()).dnsNames.length === 2,
	);
	await done("dnsNameChange", { dnsName: null });
	await done("dnsNameChange", { dnsName: null });
	await done("dnsNameChange", { dnsName: "other.example.com" });
	await until(
		"all are received",
		async () => (await received()).dnsNames.length === 4,
	);
	const now = await received();
	t.deepEqual(now.dnsNames, [
		null,
		"apps.example.com",
		null,
		"other.example.com",
	]);
	t.is(now.now.dnsName, "other.example.com");
	t.is(now.pid, pid);
});

test.serial("a new certificate is announced with its chain", async (t) => {
	const { certificate, key } = await authority.server("device.example.com");
	const pem = certificate + authority.certificate + root.certificate + key;
	// The device's own certificate follows the DNS name.
	await until("the one for the DNS name is received", async () => {
		const { certificates = "" } = (await received()).now;
		const { subjectAltName = "" } = new X509Certificate(certificates);
		return subjectAltName.includes("other.example.com");
	});
	const { length } = (await received()).certificates;
	await done("certificateUpload", { pem });
	await until(
		"it is received",
		async () => (await received()).certificates.length === length + 1,
	);
	const { now } = await received();
	t.is(fingerprint(now.certificates), await servedFingerprint());
	t.is(
		now.certificates?.trim(),
		[certificate, authority.certificate].map((one) => one.trim()).join("\n"),
	);
	await done("certificateUpload", { pem });
	await done("certificateDefault");
	await until(
		"it is received",
		async () => (await received()).certificates.length === length + 2,
	);
	const text = await readFile(
		join(webServer.certificates, "default.pem"),
		"utf8",
	);
	t.is(fingerprint((await received()).now.certificates), fingerprint(text));
});

test.serial("a refused certificate is not announced", async (t) => {
	const { certificate } = await authority.server("device.example.com");
	const { key } = await authority.server("other.example.com");
	const pem = certificate + authority.certificate + key;
	const { length } = (await received()).certificates;
	t.is((await appliance.call("certificateUpload", { pem })).status, 400);
	// To which the certificate in use belongs.
	for (const dnsName of [null, "other.example.com"])
		await done("dnsNameChange", { dnsName });
	await until(
		"the DNS names are received",
		async () => (await received()).dnsNames.length === 6,
	);
	t.is((await received()).certificates.length, length);
});

test.serial(
	"a service with an older protocol gets no announcements and keeps running",
	async (t) => {
		const { text } = await appliance.fetch(`${older}heard`);
		t.deepEqual(JSON.parse(text), ["StartInstance"]);
		const { services } = await done("services");
		for (const { crashes } of services) t.is(crashes, 0);
	},
);

test.serial("a restarted service gets everything at its start", async (t) => {
	const { pid, now } = await received();
	process.kill(pid, "SIGKILL");
	await until(
		"the service is restarted",
		async () => (await received()).pid !== pid,
	);
	t.deepEqual((await received()).atStart, now);
	await manager.stop("SIGKILL");
	await appliance.startManager("the service runs");
	await until(
		"the announcement is received",
		async () => (await received()).now.dnsName === now.dnsName,
	);
	const after = await received();
	t.deepEqual(after.now, now);
	t.is(after.certificates.length, 1);
});
