import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, watch } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onExit } from "signal-exit";
import { freePort } from "./free-port.ts";

const run = promisify(execFile);
const image = join(import.meta.dirname, "../rootfs-overlay/etc/haproxy");

/** The image's HAProxy configuration on this machine, with other places and ports. */
export class LocalWebServer {
	readonly folder: string;
	readonly managerSocket: string;
	/** With certificate.pem and default.pem. */
	readonly certificates: string;
	/** For MANAGER_RUN_FOLDER. */
	readonly runFolder: string;
	/** The program and what goes before its own arguments. */
	command: readonly [string, ...string[]] = ["/usr/sbin/haproxy"];
	mostConnections = 100;
	port = 0;
	/** Of plain HTTP. */
	httpPort = 0;
	#process: ChildProcess | undefined;

	/** @param folder for its files. @param managerSocket where the manager listens. @param data the manager's folder. */
	constructor(
		folder: string,
		managerSocket: string,
		data = join(folder, "data"),
	) {
		this.folder = folder;
		this.certificates = join(data, "system/webserver");
		this.managerSocket = managerSocket;
		this.runFolder = join(folder, "run");
	}

	async start(): Promise<void> {
		const own = join(this.runFolder, "haproxy");
		await mkdir(own, { recursive: true });
		await writeFile(join(own, "routes.map"), "");
		await makeCertificates(this.certificates);
		this.port ||= await freePort();
		this.httpPort ||= await freePort();
		const config = readFileSync(join(image, "haproxy.cfg"), "utf8")
			.replaceAll("/run/haproxy/", `${own}/`)
			.replaceAll("/run/manager/manager.sock", this.managerSocket)
			.replaceAll("/etc/haproxy/", `${image}/`)
			.replace("/mnt/sda2/system/webserver", this.certificates)
			.replace(":::443 v4v6", `127.0.0.1:${this.port}`)
			.replace(":::80 v4v6", `127.0.0.1:${this.httpPort}`)
			.replace(/maxconn \d+/, `maxconn ${this.mostConnections}`)
			.replaceAll(/^\t(user|group|log) .*\n/gm, "")
			.replace(/ user root group root/, "");
		const file = join(this.folder, "haproxy.cfg");
		await writeFile(file, config);
		const ready = socketMade(own);
		const [program, ...prefix] = this.command;
		this.#process = spawn(program, [...prefix, "-db", "-f", file], {
			stdio: "ignore",
			detached: true, // Ctrl-C is for whoever started it.
			env: { ...process.env, ...environment() },
		});
		const child = this.#process;
		child.once(
			"exit",
			onExit(() => void child.kill("SIGKILL")),
		);
		const failed = once(child, "exit").then(() => {
			throw new Error(`HAProxy ended: try haproxy -c -f ${file}`);
		});
		await Promise.race([ready, failed]);
		failed.catch(() => {}); // From now on an exit is wanted.
	}

	/** Of its process. @throws Error where there is none. */
	get pid(): number {
		if (this.#process?.pid === undefined) throw new Error("HAProxy is not on");
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

/** What the image's HAProxy gets. */
function environment(): NodeJS.ProcessEnv {
	const script = readFileSync(join(image, "../sv/haproxy/run"), "utf8");
	const exported = [...script.matchAll(/^export (\w+)=(.*)$/gm)];
	return Object.fromEntries(exported.map(([, name, value]) => [name, value]));
}

/** As the image's S90haproxy does: what is there stays. */
async function makeCertificates(folder: string): Promise<void> {
	const [made, used] = ["default.pem", "certificate.pem"].map((name) =>
		join(folder, name),
	) as [string, string];
	await mkdir(folder, { recursive: true });
	if (!existsSync(made)) {
		const { stdout } = await run("openssl", [
			..."req -x509 -days 3650 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test -addext subjectAltName=DNS:test".split(
				" ",
			),
			...["-keyout", "-"],
		]);
		await writeFile(made, stdout, { mode: 0o600 });
	}
	if (!existsSync(used)) await copyFile(made, used);
}

async function socketMade(folder: string): Promise<void> {
	const watcher = watch(folder);
	await new Promise<void>((resolve) => {
		watcher.on("change", (_event, name) => {
			if (name === "admin.sock") resolve();
		});
	});
	watcher.close();
}
