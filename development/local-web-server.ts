import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, watch } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onExit } from "signal-exit";
import { freePort } from "./free-port.ts";

const run = promisify(execFile);
const overlay = join(import.meta.dirname, "../overlay");
const image = join(overlay, "system/etc/haproxy");

/** HAProxy with the image's configuration on this machine, with other paths and ports. */
export class LocalWebServer {
	readonly directory: string;
	readonly managerSocket: string;
	/** The directory with certificate.pem and default.pem. */
	readonly certificates: string;
	readonly runDirectory: string;
	/** The program, and arguments that precede its own. */
	command: readonly [string, ...string[]] = ["/usr/sbin/haproxy"];
	/** About those of the image with 256 MB of memory. */
	maxConnections = 1_800;
	port = 0;
	/** Of the manager alone. */
	managerPort = 0;
	/** For plain HTTP. */
	httpPort = 0;
	#process: ChildProcess | undefined;

	/** @param directory for its files. @param managerSocket of the manager. @param data the manager's data directory. */
	constructor(
		directory: string,
		managerSocket: string,
		data = join(directory, "data"),
	) {
		this.directory = directory;
		this.certificates = join(data, "system/webserver");
		this.managerSocket = managerSocket;
		this.runDirectory = join(directory, "run");
	}

	async start(): Promise<void> {
		const own = join(this.runDirectory, "haproxy");
		await mkdir(own, { recursive: true });
		for (const map of ["routes", "manager-names"])
			await writeFile(join(own, `${map}.map`), "");
		await makeCertificates(this.certificates);
		this.port ||= await freePort();
		this.managerPort ||= await freePort();
		this.httpPort ||= await freePort();
		const config = readFileSync(join(image, "haproxy.cfg"), "utf8")
			.replaceAll("/run/haproxy/", `${own}/`)
			.replaceAll("/run/manager/manager.sock", this.managerSocket)
			.replaceAll("/etc/haproxy/", `${image}/`)
			.replaceAll("/mnt/sda2/system/webserver", this.certificates)
			.replace(":::443 v4v6", `127.0.0.1:${this.port}`)
			.replace(":::444 v4v6", `127.0.0.1:${this.managerPort}`)
			.replace(":::80 v4v6", `127.0.0.1:${this.httpPort}`)
			.replaceAll(/^\t(user|group|log) .*\n/gm, "")
			.replace(/ user manager group manager/, "");
		const file = join(this.directory, "haproxy.cfg");
		await writeFile(file, config);
		const ready = socketCreated(own);
		const [program, ...prefix] = this.command;
		this.#process = spawn(program, [...prefix, "-db", "-f", file], {
			stdio: "ignore",
			detached: true, // Ctrl-C must not reach it directly.
			env: {
				...process.env,
				...environment(),
				MAX_CONNECTIONS: String(this.maxConnections),
			},
		});
		const child = this.#process;
		child.once(
			"exit",
			onExit(() => void child.kill("SIGKILL")),
		);
		const failed = once(child, "exit").then(() => {
			throw new Error(
				`HAProxy has exited. To check its configuration, run: haproxy -c -f ${file}`,
			);
		});
		await Promise.race([ready, failed]);
		failed.catch(() => {}); // From now on an exit is expected.
	}

	/** The manager's environment variables for its ports. */
	get environment(): NodeJS.ProcessEnv {
		return {
			MANAGER_RUN_FOLDER: this.runDirectory,
			MANAGER_WEB_PORT: String(this.managerPort),
			MANAGER_APPS_WEB_PORT: String(this.port),
		};
	}

	/** The process id. @throws Error if it is not running. */
	get pid(): number {
		if (this.#process?.pid === undefined)
			throw new Error("HAProxy is not running");
		return this.#process.pid;
	}

	async kill(): Promise<void> {
		const child = this.#process;
		if (!child || child.exitCode !== null || child.signalCode !== null) return;
		const exited = once(child, "exit");
		child.kill("SIGKILL");
		await exited;
	}
}

/** The environment of the image's HAProxy. */
function environment(): NodeJS.ProcessEnv {
	const script = readFileSync(join(overlay, "both/etc/sv/haproxy/run"), "utf8");
	const exported = [...script.matchAll(/^export (\w+)=(.*)$/gm)];
	return Object.fromEntries(exported.map(([, name, value]) => [name, value]));
}

/** Creates missing certificates, as the image's S90haproxy does. */
async function makeCertificates(directory: string): Promise<void> {
	const [defaultFile, usedFile] = ["default.pem", "certificate.pem"].map(
		(name) => join(directory, name),
	) as [string, string];
	await mkdir(directory, { recursive: true });
	if (!existsSync(defaultFile)) {
		const { stdout } = await run("openssl", [
			..."req -x509 -days 3650 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test -addext subjectAltName=DNS:test".split(
				" ",
			),
			...["-keyout", "-"],
		]);
		await writeFile(defaultFile, stdout, { mode: 0o600 });
	}
	if (!existsSync(usedFile)) await copyFile(defaultFile, usedFile);
}

/** Resolves when HAProxy has created its admin socket. */
async function socketCreated(directory: string): Promise<void> {
	const watcher = watch(directory);
	await new Promise<void>((resolve) => {
		watcher.on("change", (_event, name) => {
			if (name === "admin.sock") resolve();
		});
	});
	watcher.close();
}
