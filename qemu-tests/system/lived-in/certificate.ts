import { once } from "node:events";
import { connect } from "node:tls";
import { TestAuthority } from "../../../manager/testing/test-authority.ts";
import { eventually, type Machine } from "../../machine/index.ts";
import type { Trace } from "./trace.ts";

const name = "device.example.com";

/** An uploaded certificate with its chain, a DNS name, and what else the manager was told. */
export const certificate: Trace = {
	async leave({ call }) {
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

	async found({ machine, call }) {
		const { certificate } = (await call("certificate")) as {
			certificate: { fingerprint: string; source: string; names: string[] };
		};
		const { fingerprint, source, names } = certificate;
		const { tokens } = (await call("tokenList")) as {
			tokens: { lastUsedAt: string | null }[];
		};
		return {
			certificate: { fingerprint, source, names },
			shown: await fingerprintShown(machine),
			dnsName: await call("dnsName"),
			developerMode: await call("developerMode"),
			acme: await call("acmeStatus"),
			appWebsocketLogin: await call("appWebsocketLogin"),
			tokens: tokens.map(({ lastUsedAt: _, ...token }) => token),
			alarms: await alarmsFound(call),
		};
	},
};

/** What is wrong, without times and figures. */
async function alarmsFound(call: (operation: string) => Promise<unknown>) {
	const { alarms } = (await call("alarms")) as {
		alarms: { code: number; severity: string; service?: string }[];
	};
	return alarms
		.map(({ code, severity, service = "" }) => `${code} ${severity} ${service}`)
		.sort();
}

async function fingerprintShown(machine: Machine): Promise<string> {
	const socket = connect({
		...{ host: "127.0.0.1", port: machine.port(443), servername: name },
		rejectUnauthorized: false,
	});
	await once(socket, "secureConnect");
	const { fingerprint256 } = socket.getPeerCertificate();
	socket.destroy();
	return fingerprint256;
}
