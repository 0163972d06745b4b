// Runs a script of this project on a machine that has only Node and npm: first installs the packages
// of package-lock.json when they are missing or have changed. Plain JavaScript without imports
// from npm, because no packages are installed yet.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [script, ...args] = process.argv.slice(2);

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 18)) {
	console.error(`Node 20.18 or newer is needed, this is ${process.version}.`);
	process.exit(1);
}

// Ctrl-C also reaches the child process; wait until that has exited.
process.on("SIGINT", () => {});

const run = (command, commandArgs) =>
	spawnSync(command, commandArgs, { cwd: root, stdio: "inherit" }).status ?? 1;

const lockFile = join(root, "package-lock.json");
const lock = createHash("sha256").update(readFileSync(lockFile)).digest("hex");
const stamp = join(root, "node_modules", ".installed-lock");
const isInstalled = () =>
	existsSync(stamp) && readFileSync(stamp, "utf8") === lock;

// One at a time: npm ci begins by deleting the packages that another one has installed.
if (script === "--install") process.exit(isInstalled() ? 0 : install());
if (!isInstalled()) {
	const self = fileURLToPath(import.meta.url);
	const locked = [lockFile, process.execPath, self, "--install", ...args];
	const isLocked = 75;
	let status = run("flock", ["--nonblock", `-E${isLocked}`, ...locked]);
	if (status === isLocked) {
		console.log("Waiting for another command that installs the npm packages …");
		status = run("flock", locked);
	}
	if (status !== 0) {
		console.error("npm ci failed: see the lines above.");
		process.exit(status);
	}
}

process.exit(run(process.execPath, ["--import=tsx", script, ...args]));

/** @returns the exit status. */
function install() {
	console.log("Installing the npm packages of package-lock.json (npm ci) …");
	const offline = args.includes("--offline") ? ["--offline"] : [];
	// No package needs its install script; skipping them removes a risk.
	const status = run("npm", [
		"ci",
		"--ignore-scripts",
		"--no-audit",
		"--no-fund",
		"--loglevel=error",
		...offline,
	]);
	if (status === 0) writeFileSync(stamp, lock);
	return status;
}
