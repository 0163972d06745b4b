import { closeSync, openSync, readSync } from "node:fs";
import { $ } from "zx";

/** Runs shellcheck over every shell script that git knows of, by name or by first line. */
const { stdout } =
	await $`git ls-files -z --cached --others --exclude-standard`.quiet();
const scripts = stdout
	.split("\0")
	.filter((path) => path !== "" && isShellScript(path));
const { exitCode } = await $({
	stdio: "inherit",
	nothrow: true,
})`shellcheck --external-sources ${scripts}`;
if (exitCode === 0)
	console.log(`shellcheck: ${scripts.length} scripts are clean`);
process.exitCode = exitCode ?? 1;

function isShellScript(path: string): boolean {
	if (path.endsWith(".sh")) return true;
	const head = Buffer.alloc(32);
	try {
		const file = openSync(path, "r");
		readSync(file, head);
		closeSync(file);
	} catch {
		return false; // a folder behind a link, or deleted and not yet committed
	}
	return /^#!\s*\/(usr\/)?bin\/(env )?(sh|bash)\b/.test(
		head.toString("latin1"),
	);
}
