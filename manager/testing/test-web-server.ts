import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, watch } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onExit } from "signal-exit";
import { freePort } from "./free-port.ts";

const run = promisify(execFile);
const image = join(import.meta.dirname, "../../rootfs-overlay/etc/haproxy");

/** The image's HAProxy configuration on this machine, with other places and ports. */
export class TestWebServer {
	readonly folder: string;
	readonly managerSocket: string;
	/** For MANAGER_RUN_FOLDER. */
	readonly runFolder: string;
	port = 0;
	#process: ChildProcess | undefined;

	/** @param folder for its files. @param managerSocket where the manager listens. */
	constructor(folder: string, managerSocket: string) {
		this.folder = folder;
		this.managerSocket = managerSocket;
		this.runFolder = join(folder, "run");
	}

	async start(): Promise<void> {
		const own = join(this.runFolder, "haproxy");
		await mkdir(own, { recursive: true });
		await writeFile(join(own, "routes.map"), "");
		const certificate = join(this.folder, "certificate.pem");
		await run("openssl", [
			..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test".split(
				" ",
			),
			...["-keyout", `${certificate}.key`, "-out", certificate],
		]);
		this.port ||= await freePort();
		const config = readFileSync(join(image, "haproxy.cfg"), "utf8")
			.replaceAll("/run/haproxy/", `${own}/`)
			.replaceAll("/run/manager/manager.sock", this.managerSocket)
			.replaceAll("/etc/haproxy/", `${image}/`)
			.replace("/mnt/sda2/system/webserver/certificate.pem", certificate)
			.replace(":::443 v4v6", `127.0.0.1:${this.port}`)
			.replace(/^frontend http\n(\t.*\n)*/m, "")
			.replace("maxconn 10000", "maxconn 100")
			.replaceAll(/^\t(user|group|log) .*\n/gm, "")
			.replace(/ user root group root/, "");
		const file = join(this.folder, "haproxy.cfg");
		await writeFile(file, config);
		const key = readFileSync(`${certificate}.key`, "utf8");
		await writeFile(certificate, readFileSync(certificate, "utf8") + key);
		const ready = socketMade(own);
		this.#process = spawn("/usr/sbin/haproxy", ["-db", "-f", file], {
			stdio: "ignore",
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

	async kill(): Promise<void> {
		const child = this.#process;
		if (!child || child.exitCode !== null || child.signalCode !== null) return;
		const exited = once(child, "exit");
		child.kill("SIGKILL");
		await exited;
	}
}

async function socketMade(folder: string): Promise<void> {
	const watcher = watch(folder);
	for (;;) {
		const [, name] = await once(watcher, "change");
		if (name === "admin.sock") return watcher.close();
	}
}
