import { createCipheriv, createHash } from "node:crypto";
import type { TargetName } from "../../machine/index.ts";
import { timeLimit } from "../../machine/index.ts";
import { outputOf } from "../steps.ts";
import { domains, filesPassword } from "./apps.ts";
import type { Fixture, OwnedMachine } from "./fixture.ts";

const MB = 1_000_000;
/** A gateway has only 256 MB of memory and the smallest disk. */
const maxFileMB: Record<TargetName, number> = {
	x86_64: 200,
	arm64: 20,
	arm: 20,
};
/** Names as macOS sends them: `ä` as two characters. */
const decomposed = (name: string) => name.normalize("NFD");
const directory = "Bilder & Töne";

/** Files of the app "files", written and read by WebDAV. */
export const sharedFiles: Fixture = {
	async create(owned) {
		for (const domain of domains) {
			await assertCreated(dav(owned, "MKCOL", domain, directory));
			for (const [name, sizeBytes] of Object.entries(filesOf(owned, domain)))
				await assertCreated(
					dav(owned, "PUT", domain, name, {
						body: contentOf(name, sizeBytes),
					}),
				);
		}
	},

	async read(owned) {
		const all: Record<string, unknown> = {};
		for (const domain of domains) {
			for (const [name, sizeBytes] of Object.entries(filesOf(owned, domain)))
				all[`${domain}/${name}`] = await readFile(
					owned,
					domain,
					name,
					sizeBytes,
				);
			const listing = await dav(owned, "PROPFIND", domain, "");
			const hrefs = (await listing.text()).matchAll(
				/<(?:\w+:)?href>([^<]*)<\//g,
			);
			all[domain] = {
				names: [...hrefs].map(([, href]) => href).sort(),
				contents: await readContents(owned, domain),
			};
		}
		return all;
	},
};

/** Downloads a file, or only the end of a large one, which takes an emulated machine minutes. */
async function readFile(
	owned: OwnedMachine,
	domain: string,
	name: string,
	sizeBytes: number,
) {
	const range =
		sizeBytes > MB
			? `bytes=${sizeBytes - MB}-`
			: sizeBytes > 0
				? "bytes=0-"
				: "";
	const response = await dav(owned, "GET", domain, name, { range });
	const content = Buffer.from(await response.arrayBuffer());
	return {
		status: response.status,
		etag: response.headers.get("etag"),
		range: response.headers.get("content-range"),
		sha256: createHash("sha256").update(content).digest("hex"),
	};
}

/** Returns the size and hash of each file's content in the database. */
async function readContents(
	{ root }: OwnedMachine,
	domain: string,
): Promise<string> {
	const sql =
		"SELECT content, count(*), sum(length(data)), md5(string_agg(md5(data), '' ORDER BY position)) FROM chunk GROUP BY content ORDER BY content";
	return outputOf(root, `psql -d ${domain}_files -Atc "${sql}"`, {
		timeoutMs: 300_000,
	});
}

/** Names and sizes of the files of a domain. */
function filesOf(
	{ target }: OwnedMachine,
	domain: string,
): Record<string, number> {
	const small = {
		"leer.txt": 0,
		"Übersicht März.bin": MB,
		[decomposed("Änderungen für Zoë.bin")]: MB,
		[`${directory}/${decomposed("Grüße.txt")}`]: 1_000,
	};
	const [first] = domains;
	return domain === first
		? { ...small, "large.bin": maxFileMB[target] * MB }
		: small;
}

/** Returns incompressible content, the same every time. */
function contentOf(name: string, sizeBytes: number): Buffer {
	const key = createHash("sha256").update(name).digest();
	const stream = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
	return stream.update(Buffer.alloc(sizeBytes));
}

function dav(
	{ machine }: OwnedMachine,
	method: string,
	domain: string,
	name: string,
	{ body, range = "" }: { body?: Buffer; range?: string } = {},
) {
	const path = name.split("/").map(encodeURIComponent).join("/");
	const authorization = `Basic ${Buffer.from(`ann:${filesPassword}`).toString("base64")}`;
	return machine.fetch("https", `/${domain}/files/dav/${path}`, {
		method,
		headers: { authorization, depth: "1", ...(range && { range }) },
		signal: AbortSignal.timeout(timeLimit(600_000)),
		...(body && { body }),
	});
}

async function assertCreated(
	answer: Promise<{ status: number; text(): Promise<string> }>,
): Promise<void> {
	const response = await answer;
	if (response.status !== 201)
		throw new Error(
			`WebDAV returns ${response.status}: ${await response.text()}`,
		);
}
