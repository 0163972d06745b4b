import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
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
import {
	type BootLoader,
	gatewayLayout,
	layoutFile,
	vmLayout,
} from "../partitioning/layout.ts";

const libraries = "usr/lib/app-platform";

export interface Outcome {
	exitCode: number;
	/** Standard output and standard error. */
	output: string;
}

/** The shell libraries of rescue system and system in a directory that replaces a machine's root. */
export class ScriptsOnHost {
	readonly root = mkdtempSync(join(tmpdir(), "app-platform-scripts-"));

	constructor(bootLoader: BootLoader) {
		for (const overlay of ["both", "system", "rescue"]) {
			const directory = join(import.meta.dirname, overlay, libraries);
			for (const name of readdirSync(directory))
				if (
					statSync(join(directory, name), { throwIfNoEntry: false })?.isFile()
				)
					this.write(
						`${libraries}/${name}`,
						readFileSync(join(directory, name), "utf8"),
					);
		}
		this.write(`${libraries}/boot-menu.sh`, bootMenuFile(bootLoader));
		const layout = bootLoader === "grub" ? vmLayout : gatewayLayout;
		this.write(`${libraries}/layout.sh`, layoutFile(layout));
		this.write("run/.keep", "");
	}

	/** Writes a file. The paths in a script are changed to paths in the directory. */
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

	/** Runs shell code after sourcing the named libraries. */
	run(names: string, lines: string): Outcome {
		const script = this.#script(names, lines);
		const { status, stdout } = spawnSync("sh", ["-c", script], {
			cwd: this.root,
			encoding: "utf8",
		});
		return { exitCode: status ?? -1, output: stdout.trimEnd() };
	}

	/** The same, in parallel with others. */
	async runInBackground(names: string, lines: string): Promise<Outcome> {
		const child = spawn("sh", ["-c", this.#script(names, lines)], {
			cwd: this.root,
			stdio: ["ignore", "pipe", "ignore"],
		});
		const closed = once(child, "close");
		let output = "";
		for await (const chunk of child.stdout) output += chunk;
		const [exitCode] = (await closed) as [number | null];
		return { exitCode: exitCode ?? -1, output: output.trimEnd() };
	}

	#script(names: string, lines: string): string {
		const sources = names
			.split(" ")
			.map((name) => `. ${join(this.root, libraries, name)}.sh`);
		return ["exec 2>&1", "set -eu", ...sources, lines].join("\n");
	}

	remove(): void {
		rmSync(this.root, { recursive: true });
	}
}
