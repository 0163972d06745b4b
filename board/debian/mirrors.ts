import { readFile } from "node:fs/promises";
import { $ } from "zx";

/** Addresses of Debian's archives: the mirrors that this machine's own apt uses. */
export interface Mirrors {
	debian: string;
	security: string;
}

/** @throws Error when the machine's apt has none. */
export async function machinesMirrors(): Promise<Mirrors> {
	const uris = await machinesUris();
	const debian = uris.find((uri) => /\/debian\/?$/.test(uri));
	const security = uris.find((uri) => /\/debian-security\/?$/.test(uri));
	if (!debian || !security)
		throw new Error(
			"the apt configuration of this machine names no Debian mirror (…/debian and …/debian-security): add one to /etc/apt",
		);
	return { debian, security };
}

/** What the machine's sources name; a list of mirrors (mirror+file:) stands for its first. */
async function machinesUris(): Promise<string[]> {
	// Answers before the machine's first `apt-get update` too, unlike `apt-get indextargets`.
	const { stdout } = await $`apt-get update --print-uris`.quiet();
	const uris = [...stdout.matchAll(/^'(\S+?)\/dists\//gm)].map(
		([, uri]) => uri as string,
	);
	return Promise.all(
		uris.map(async (uri) => {
			const list = /^mirror\+file:(.*)$/.exec(uri)?.[1];
			if (!list) return uri;
			return /^[^\s#]+/m.exec(await readFile(list, "utf8"))?.[0] ?? uri;
		}),
	);
}

/** The proxies that the machine's apt uses; nothing else of its settings may change a build. */
export async function machinesProxies(): Promise<string> {
	const { stdout } = await $`apt-config dump Acquire`.quiet();
	return stdout
		.split("\n")
		.filter((line) => /^Acquire::https?::([^ ]+::)?Proxy/i.test(line))
		.map((line) => `${line}\n`)
		.join("");
}
