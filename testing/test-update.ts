import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Header, pack } from "tar-stream";
import { $ } from "zx";

const quiet = $({ quiet: true });

/** A member of an archive: a file, or anything else in tests of invalid archives. */
export type Member = [header: Partial<Header>, content?: Buffer];

/** A minisign key pair in its own directory. */
export class TestKey {
	readonly directory: string;
	#signed = 0;

	private constructor(directory: string) {
		this.directory = directory;
	}

	static async create(): Promise<TestKey> {
		const directory = await mkdtemp(join(tmpdir(), "app-platform-key-"));
		process.once("exit", () => rmSync(directory, { recursive: true }));
		await mkdir(join(directory, "trusted"));
		await quiet`minisign -G -W -p ${join(directory, "trusted/1.pub")} -s ${join(directory, "secret.key")}`;
		return new TestKey(directory);
	}

	/** The directory of trusted keys, which contains the public key. */
	get trusted(): string {
		return join(this.directory, "trusted");
	}

	async sign(content: string): Promise<Buffer> {
		const file = join(this.directory, `signed-${this.#signed++}`);
		await writeFile(file, content);
		await quiet`minisign -S -s ${join(this.directory, "secret.key")} -m ${file} -t test`;
		return readFile(`${file}.minisig`);
	}
}

/** The members of a valid update file, in the order of the build. */
export async function updateMembers(
	key: TestKey,
	release: { version?: string; build?: number; target?: string } = {},
): Promise<Member[]> {
	const { version = "1.3.0", build = 200_000, target = "x86_64" } = release;
	const contents = {
		release: Buffer.from(
			`VERSION=${version}\nBUILD=${build}\nTARGET=${target}\nKEY=release\n`,
		),
		linux: Buffer.alloc(70_000, "kernel"),
		"dtbs/one.dtb": Buffer.alloc(3_000, "tree"),
		"rootfs.tar.xz": Buffer.alloc(300_000, "rootfs"),
	};
	const lines = Object.entries(contents).map(
		([name, content]) =>
			`${createHash("sha256").update(content).digest("hex")}  ${name}\n`,
	);
	const sums = lines.join("");
	return [
		[{ name: "SHA256SUMS.minisig" }, await key.sign(sums)],
		[{ name: "SHA256SUMS" }, Buffer.from(sums)],
		...Object.entries(contents).map(
			([name, content]): Member => [{ name }, content],
		),
	];
}

/** Packs an archive for an upload. */
export async function archiveOf(members: Member[]): Promise<Buffer> {
	const archive = pack();
	for (const [header, content] of members)
		if (content) archive.entry(header as Header, content);
		else archive.entry(header as Header);
	archive.finalize();
	const chunks: Buffer[] = [];
	for await (const chunk of archive) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks);
}
