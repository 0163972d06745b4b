import { execFileSync } from "node:child_process";
import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bootMenuFile } from "../partitioning/boot-menu.ts";
import type { BootLoader } from "../partitioning/layout.ts";

const project = join(import.meta.dirname, "..");
const libraries = "usr/lib/app-platform";

/** The shell libraries of ramdisk and system in a folder that stands for the root of a machine. */
export class ScriptsOnHost {
	readonly root = mkdtempSync(join(tmpdir(), "app-platform-scripts-"));

	constructor(bootLoader: BootLoader) {
		for (const from of ["rootfs-overlay", "initramfs/root"]) {
			const folder = join(project, from, libraries);
			for (const name of readdirSync(folder))
				if (statSync(join(folder, name), { throwIfNoEntry: false })?.isFile())
					this.write(
						`${libraries}/${name}`,
						readFileSync(join(folder, name), "utf8"),
					);
		}
		this.write(`${libraries}/boot-menu.sh`, bootMenuFile(bootLoader));
		this.write("run/.keep", "");
	}

	/** A file; what a script names by its path on the machine lies in the folder. */
	write(path: string, content: string | Buffer): void {
		const file = join(this.root, path);
		mkdirSync(dirname(file), { recursive: true });
		const isScript = path.startsWith(libraries) && typeof content === "string";
		writeFileSync(
			file,
			isScript
				? content.replaceAll(
						/(?<=^|[\s="'<>])\/(?=(usr\/lib\/app-platform|etc|run|mnt|home|apps)\b)/gm,
						`${this.root}/`,
					)
				: content,
			{ mode: 0o755 },
		);
	}

	read(path: string): string {
		return readFileSync(join(this.root, path), "utf8");
	}

	/** Runs lines of shell that know the named libraries. */
	run(names: string, lines: string): { exitCode: number; output: string } {
		const sources = names
			.split(" ")
			.map((name) => `. ${join(this.root, libraries, name)}.sh`);
		const script = ["set -eu", ...sources, lines].join("\n");
		try {
			const output = execFileSync("sh", ["-c", `${script} 2>&1`], {
				cwd: this.root,
				encoding: "utf8",
				stdio: ["ignore", "pipe", "pipe"],
			});
			return { exitCode: 0, output: output.trimEnd() };
		} catch (error) {
			const { status, stdout, stderr } = error as {
				status: number;
				stdout: string;
				stderr: string;
			};
			return { exitCode: status, output: `${stdout}${stderr}`.trimEnd() };
		}
	}

	remove(): void {
		rmSync(this.root, { recursive: true });
	}
}
