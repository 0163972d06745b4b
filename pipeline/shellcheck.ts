import { closeSync, openSync, readSync } from "node:fs";
import { $ } from "zx";

/** Runs shellcheck on every shell script in the tree, recognized by its name or first line. */
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
		return false; // a link to a directory, or a deleted file
	}
	return /^#!\s*\/(usr\/)?bin\/((env|busybox) )?(sh|bash)\b/.test(
		head.toString("latin1"),
	);
}
