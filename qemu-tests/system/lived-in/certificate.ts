import { once } from "node:events";
import { connect } from "node:tls";
import { TestAuthority } from "../../../testing/test-authority.ts";
import { eventually, type Machine } from "../../machine/index.ts";
import type { Fixture } from "./fixture.ts";

const name = "device.example.com";

/** An uploaded certificate with its chain, a DNS name, and other settings of the manager. */
export const certificate: Fixture = {
	async create({ call }) {
		const days = 3_650;
		const root = await TestAuthority.create("Root", { days });
		const intermediate = await root.intermediate("Intermediate", { days });
		const server = await intermediate.server(name, { days });
		const pem = [server, intermediate, root]
			.map((one) => one.certificate)
			.concat(server.key)
			.join("");
		// The device's clock may be a second behind this host's.
		await eventually("the certificate is valid on the device", async () => {
			await call("certificateUpload", { pem });
			return true;
		});
		await call("dnsNameChange", { dnsName: name });
		await call("developerModeChange", { isOn: true });
		await call("tokenCreate", { name: "of a script", scopes: ["read"] });
	},

	async read({ machine, call }) {
		const { certificate } = (await call("certificate")) as {
			certificate: { fingerprint: string; source: string; names: string[] };
		};
		const { fingerprint, source, names } = certificate;
		const { tokens } = (await call("tokenList")) as {
			tokens: { lastUsedAt: string | null }[];
		};
		return {
			certificate: { fingerprint, source, names },
			shown: await servedFingerprint(machine),
			dnsName: await call("dnsName"),
			developerMode: await call("developerMode"),
			acme: await call("acmeStatus"),
			appWebsocketLogin: await call("appWebsocketLogin"),
			tokens: tokens.map(({ lastUsedAt: _, ...token }) => token),
			alarms: await readAlarms(call),
		};
	},
};

/** The alarms, without times and figures. */
async function readAlarms(call: (operation: string) => Promise<unknown>) {
	const { alarms } = (await call("alarms")) as {
		alarms: { code: number; severity: string; service?: string }[];
	};
	return alarms
		.map(({ code, severity, service = "" }) => `${code} ${severity} ${service}`)
		.sort();
}

async function servedFingerprint(machine: Machine): Promise<string> {
	const socket = connect({
		...{ host: "127.0.0.1", port: machine.port(443), servername: name },
		rejectUnauthorized: false,
	});
	await once(socket, "secureConnect");
	const { fingerprint256 } = socket.getPeerCertificate();
	socket.destroy();
	return fingerprint256;
}
