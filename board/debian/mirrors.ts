import { readFile } from "node:fs/promises";
import { $ } from "zx";

/** Addresses of Debian's archives: the mirrors that the host's apt uses. */
export interface Mirrors {
	debian: string;
	security: string;
}

/** @throws Error when the host's apt has no Debian mirror. */
export async function readHostMirrors(): Promise<Mirrors> {
	const uris = await readHostUris();
	const debian = uris.find((uri) => /\/debian\/?$/.test(uri));
	const security = uris.find((uri) => /\/debian-security\/?$/.test(uri));
	if (!debian || !security)
		throw new Error(
			"the apt configuration of this machine has no Debian mirror (…/debian and …/debian-security): add one to /etc/apt",
		);
	return { debian, security };
}

/** Returns the URIs of the host's apt sources; for a list of mirrors (mirror+file:) its first entry. */
async function readHostUris(): Promise<string[]> {
	// Works even before the host's first `apt-get update`, unlike `apt-get indextargets`.
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

/** Returns the proxy options of the host's apt; no other option may affect a build. */
export async function readHostProxies(): Promise<string> {
	const { stdout } = await $`apt-config dump Acquire`.quiet();
	return stdout
		.split("\n")
		.filter((line) => /^Acquire::https?::([^ ]+::)?Proxy/i.test(line))
		.map((line) => `${line}\n`)
		.join("");
}
