import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { onExit } from "signal-exit";
import { freePort } from "../development/free-port.ts";

const run = promisify(execFile);
const program = "/usr/sbin/mariadbd";

/** A private MariaDB server on loopback. */
export interface TemporaryMysql {
	port: number;
	/** Readable by the server; for certificates. */
	directory: string;
	/** Runs statements as the administrator. */
	run(statements: string): Promise<void>;
	/** Restarts the server with a certificate, or without TLS. */
	restart(tls?: { certificate: string; key: string }): Promise<void>;
	remove(): Promise<void>;
}

export async function startTemporaryMysql(): Promise<TemporaryMysql> {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-mysql-"));
	const account = async (option: string) =>
		Number((await run("id", [option, "nobody"])).stdout);
	// MariaDB refuses to run as root.
	const owner =
		userInfo().uid === 0
			? { uid: await account("-u"), gid: await account("-g") }
			: {};
	if (owner.uid !== undefined) await chown(directory, owner.uid, owner.gid);
	const data = join(directory, "data");
	const socket = join(directory, "mysql.sock");
	await run(
		"mariadb-install-db",
		[
			...["--no-defaults", `--datadir=${data}`, "--skip-test-db"],
			...["--auth-root-authentication-method=normal"],
		],
		{ ...owner, cwd: directory },
	);
	const port = await freePort();

	const start = async (tls?: { certificate: string; key: string }) => {
		const server = spawn(
			program,
			[
				...["--no-defaults", `--datadir=${data}`, `--socket=${socket}`],
				...["--bind-address=127.0.0.1", `--port=${port}`],
				`--pid-file=${join(directory, "pid")}`,
				...(tls
					? [`--ssl-cert=${tls.certificate}`, `--ssl-key=${tls.key}`]
					: ["--skip-ssl"]),
			],
			{ ...owner, cwd: directory, stdio: ["ignore", "ignore", "pipe"] },
		);
		const exited = once(server, "exit");
		void exited.then(onExit(() => void server.kill("SIGKILL")));
		await new Promise<void>((resolve, reject) => {
			createInterface({ input: server.stderr }).on("line", (line) => {
				if (line.includes("ready for connections")) resolve();
			});
			void exited.then(() => reject(new Error(`${program} exited`)));
		});
		return async () => {
			server.kill("SIGTERM");
			await exited;
		};
	};

	let stop = await start();
	return {
		port,
		directory,
		async run(statements) {
			await run("mariadb", [
				...["--no-defaults", `--socket=${socket}`, "--user=root"],
				`--execute=${statements}`,
			]);
		},
		async restart(tls) {
			await stop();
			stop = await start(tls);
		},
		async remove() {
			await stop();
			await rm(directory, { recursive: true });
		},
	};
}
