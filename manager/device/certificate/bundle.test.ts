import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import {
	type CertificateOptions,
	TestAuthority,
} from "../../../testing/test-authority.ts";
import { checkBundle, maxPemBytes } from "./bundle.ts";
import { CertificateRefused } from "./pem.ts";

const rsa = (bits: number) => ({ newKey: [`rsa:${bits}`] });
const name = "device.example.com";
/** A minute later, because openssl rounds up to the next second. */
const now = new Date(Date.now() + 60_000);

const root = await TestAuthority.create("Root");
const upper = await root.intermediate("Upper");
const lower = await upper.intermediate("Lower");
const server = await lower.server(name);
const chain = [server, lower, upper, root];

const text = (...parts: (TestAuthority | string)[]) =>
	parts
		.map((part) => (typeof part === "string" ? part : part.certificate))
		.join("");
const good = text(...chain, server.key);

function refused(pem: string, at = now): CertificateRefused {
	try {
		checkBundle(pem, at);
	} catch (error) {
		return error as CertificateRefused;
	}
	throw new Error("The bundle was accepted");
}

/** Returns a server's bundle that is valid except for the options. */
async function serverBundle(options: CertificateOptions) {
	const one = await lower.server(name, options);
	return text(one, lower, upper, root, one.key);
}

test("accepts chain and key, and leaves out the root", (t) => {
	const { certificates, pem } = checkBundle(good, now);
	t.deepEqual(
		certificates.map(({ subject }) => subject.split("\n").at(-1)),
		[`CN=${name}`, "CN=Lower", "CN=Upper"],
	);
	t.is(pem.match(/BEGIN CERTIFICATE/g)?.length, 3);
	t.is(pem.match(/BEGIN PRIVATE KEY/g)?.length, 1);
	t.notRegex(pem, /\n\n/);
});

test("ignores the order in the file, line ends, comments and unrelated certificates", async (t) => {
	const { pem } = checkBundle(good, now);
	const unrelated = await TestAuthority.create("Unrelated");
	const backwards = text(root, server.key, unrelated, upper, server, lower);
	t.is(checkBundle(backwards, now).pem, pem);
	t.is(checkBundle(good.replaceAll("\n", "\r\n"), now).pem, pem);
	const attributes = `# ours\nBag Attributes\n    friendlyName: a\nsubject=CN = x\n\n${good}`;
	t.is(checkBundle(attributes, now).pem, pem);
});

test("accepts RSA, a key with its parameters, other curves and self-signed certificates", async (t) => {
	for (const options of [
		rsa(2048),
		{ newKey: ["ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"] },
	])
		t.is(checkBundle(await serverBundle(options), now).certificates.length, 3);
	const own = await TestAuthority.create(name, {
		extensions: [`subjectAltName=DNS:${name},IP:192.0.2.1`],
	});
	t.is(checkBundle(text(own, own.key), now).certificates.length, 1);
	const traditional = execFileSync("openssl", ["ec"], {
		input: server.key,
		stdio: ["pipe", "pipe", "ignore"],
	}).toString();
	t.regex(traditional, /BEGIN EC PRIVATE KEY/);
	const parameters = execFileSync("openssl", [
		..."ecparam -name prime256v1".split(" "),
	]).toString();
	t.notThrows(() => checkBundle(text(...chain, parameters, traditional), now));
});

test("refuses no certificate, no key and two keys", (t) => {
	t.is(refused("").code, "noCertificate");
	t.is(refused(server.key).code, "noCertificate");
	t.is(refused(text(...chain)).code, "noKey");
	t.is(refused(good + lower.key).code, "twoKeys");
});

test("refuses encrypted keys in both formats", (t) => {
	for (const [program, label] of [
		["pkcs8 -topk8 -passout pass:secret", /BEGIN ENCRYPTED PRIVATE KEY/],
		["ec -aes128 -passout pass:secret", /Proc-Type: 4,ENCRYPTED/],
	] as const) {
		const encrypted = execFileSync("openssl", program.split(" "), {
			input: server.key,
			stdio: ["pipe", "pipe", "ignore"],
		}).toString();
		t.regex(encrypted, label);
		const { code, message } = refused(text(...chain, encrypted));
		t.is(code, "keyEncrypted");
		t.regex(message, /openssl pkey/);
	}
});

test("refuses the key of another certificate", async (t) => {
	const other = await lower.server("other.example.com");
	const { code, message } = refused(text(...chain, other.key));
	t.is(code, "wrongKey");
	t.regex(message, /does not belong to the first certificate \("device\./);
});

test("names the missing intermediate", (t) => {
	for (const [pem, issuer] of [
		[text(server, server.key), "CN=Lower, O=Test"],
		[text(server, upper, root, server.key), "CN=Lower, O=Test"],
		[text(server, lower, root, server.key), "CN=Upper, O=Test"],
		[text(server, lower, upper, server.key), "CN=Root, O=Test"],
	] as const) {
		const { code, message } = refused(pem);
		t.is(code, "intermediateMissing");
		t.true(message.includes(`the issuer "${issuer}"`), message);
	}
	t.notThrows(() =>
		checkBundle(text(server, lower, upper, server.key), now, {
			isFromAuthority: true,
		}),
	);
});

test("refuses a signature of another issuer with the same name", async (t) => {
	const impostor = await root.intermediate("Lower");
	const { code, message } = refused(
		text(server, impostor, upper, root, server.key),
	);
	t.is(code, "wrongSignature");
	t.regex(message, /"device\.example\.com" is wrong/);
	// An issuer with two certificates, as after a change of its key: the right one is found.
	t.notThrows(() =>
		checkBundle(text(server, impostor, lower, upper, root, server.key), now),
	);
});

test("refuses a modified certificate", (t) => {
	const { raw } = new X509Certificate(server.certificate);
	raw[raw.length - 5] = (raw.at(-5) ?? 0) ^ 1;
	const changed = `-----BEGIN CERTIFICATE-----\n${raw.toString("base64")}\n-----END CERTIFICATE-----\n`;
	t.is(
		refused(text(changed, lower, upper, root, server.key)).code,
		"wrongSignature",
	);
});

test("refuses an issuer that is no certificate authority", async (t) => {
	const issued = await server.server("below.example.com");
	const pem = text(issued, ...chain, issued.key);
	t.is(refused(pem).code, "wrongSignature");
});

test("names the certificate that is not valid now, and the date", async (t) => {
	const expired = refused(good, new Date(now.getTime() + 101 * 86_400_000));
	t.is(expired.code, "expired");
	t.regex(expired.message, /"device\.example\.com" expired on \w+ +\d+ /);
	const early = refused(good, new Date(now.getTime() - 2 * 86_400_000));
	t.is(early.code, "notYetValid");
	const brief = await upper.intermediate("Brief", { days: 10 });
	const below = await brief.server(name);
	const { code, message } = refused(
		text(below, brief, upper, root, below.key),
		new Date(now.getTime() + 11 * 86_400_000),
	);
	t.is(code, "expired");
	t.regex(message, /"Brief"/);
});

test("refuses keys that are too small or of the wrong type", async (t) => {
	const small = refused(await serverBundle(rsa(1024)));
	t.is(small.code, "keyTooSmall");
	t.regex(small.message, /1024 bits/);
	for (const newKey of [
		["ed25519"],
		["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
	])
		t.is(refused(await serverBundle({ newKey })).code, "keyUnsupported");
	const weak = await upper.intermediate("Weak", rsa(1024));
	const below = await weak.server(name);
	const { code, message } = refused(text(below, weak, upper, root, below.key));
	t.is(code, "keyTooSmall");
	t.regex(message, /"Weak"/);
});

test("refuses certificates without names or for another purpose", async (t) => {
	t.is(refused(await serverBundle({ extensions: [] })).code, "noNames");
	const email = refused(
		await serverBundle({
			extensions: [
				`subjectAltName=DNS:${name}`,
				"extendedKeyUsage=emailProtection",
			],
		}),
	);
	t.is(email.code, "notForServers");
});

test("names the line of garbage", (t) => {
	for (const [pem, words] of [
		["hello", /Line 1 /],
		[`${server.certificate}hello\n${server.key}`, /^Line \d+ is not PEM/],
		[good.slice(0, -10), /has no end/],
		[good.replace("-----END CERTIFICATE-----\n", ""), /has no end/],
		[good.replace(/MII/, "####"), /cannot be read/],
		[good.replace(/(BEGIN PRIVATE KEY-+\n)MI/, "$1@@"), /key .* damaged/],
		[`${good}-----BEGIN X-----\nAAAA\n-----END X-----\n`, /begins a X/],
		["\0".repeat(60_000), /Line 1 /],
		[`${" ".repeat(59_999)}@`, /Line 1 /],
		[` a${" ".repeat(59_999)}@`, /Line 1 /],
		["-----BEGIN CERTIFICATE-----\n".repeat(2_000), /has no end/],
	] as const) {
		const { code, message } = refused(pem);
		t.is(code, "garbage", message);
		t.regex(message, words);
	}
});

test("no message contains any part of the key", (t) => {
	const secret = server.key.split("\n")[1] as string;
	for (const pem of [
		server.key,
		server.key + good,
		`${secret}\n${good}`,
		text(lower, upper, root, server.key),
		server.key.replace(/\n(.{20})/, "\n@$1"),
	])
		t.false(refused(pem).message.includes(secret.slice(0, 20)));
});

test("refuses more than the web server accepts", async (t) => {
	const names = Array.from(
		{ length: 300 },
		(_, number) => `DNS:${"x".repeat(30)}${number}.example.com`,
	);
	const { code, message } = refused(
		await serverBundle({ extensions: [`subjectAltName=${names}`] }),
	);
	t.is(code, "tooLarge");
	t.true(message.includes(String(maxPemBytes)));
});

test("whatever is in a file, it is refused with a reason", (t) => {
	const line = fc.oneof(
		fc.constantFrom(
			...["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"],
			...["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"],
			...["-----BEGIN EC PARAMETERS-----", "subject=CN = a", "# a", ""],
		),
		fc.base64String(),
		fc.string(),
	);
	const end = fc.constantFrom("\n", "\r\n", "\r");
	fc.assert(
		fc.property(fc.array(line), end, (lines, separator) => {
			t.throws(() => checkBundle(lines.join(separator), new Date()), {
				instanceOf: CertificateRefused,
			});
		}),
	);
});
