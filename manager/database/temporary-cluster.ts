import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chown, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { onExit } from "signal-exit";

const run = promisify(execFile);
const debianServers = "/usr/lib/postgresql";

/** A PostgreSQL server of one's own, reached by a UNIX socket only unless it is told to listen. */
export interface TemporaryCluster {
	/** For PGHOST: the directory of the socket. */
	host: string;
	/** For PGUSER: a superuser. */
	user: string;
	/** Ends the server as a crash would, all its processes at once. */
	kill(): Promise<void>;
	/** Starts it again after `kill`. */
	start(): Promise<void>;
	/** Stops the server and removes its files. */
	remove(): Promise<void>;
}

/**
 * Makes and starts a cluster in a temporary folder, with the newest PostgreSQL on this
 * machine. For tests and developers; nothing in it survives a power cut.
 * @param settings more of its postgresql.conf; who comes over the network needs a password.
 * @param keptData a folder that keeps its data, and may have them already; these survive a power cut.
 * @throws Error saying what to install where there is no PostgreSQL.
 */
export async function startTemporaryCluster(
	settings: Record<string, string> = {},
	keptData?: string,
): Promise<TemporaryCluster> {
	const programs = await findServerPrograms();
	const owner = await serverOwner();
	const directory = await mkdtemp(join(tmpdir(), "app-platform-postgresql-"));
	await chown(directory, owner.uid, owner.gid);
	const data = keptData ?? join(directory, "data");
	const user = userInfo().username;
	if (keptData) {
		settings = { fsync: "on", ...settings };
		await mkdir(data, { recursive: true });
		await chown(data, owner.uid, owner.gid);
	}

	const initdb = ["--pgdata", data, "--username", user];
	if (!keptData) initdb.push("--no-sync");
	const access = ["--auth-local", "trust", "--auth-host", "scram-sha-256"];
	const encoding = ["--encoding", "UTF8", "--no-locale"];
	if (!existsSync(join(data, "PG_VERSION")))
		await run(join(programs, "initdb"), [...initdb, ...access, ...encoding], {
			...owner,
			cwd: directory,
		}).catch(({ stderr }) => {
			throw new Error(
				`PostgreSQL, which runs as user ${owner.uid}, cannot make its files: ${stderr.trim()}`,
			);
		});

	const start = () =>
		startServer(join(programs, "postgres"), data, directory, owner, settings);
	let server = await start();
	return {
		host: directory,
		user,
		async kill() {
			await server.end("SIGKILL");
		},
		async start() {
			server = await start();
		},
		async remove() {
			await server.end("SIGINT"); // "fast": does not wait for clients.
			await rm(directory, { recursive: true });
		},
	};
}

async function startServer(
	postgres: string,
	data: string,
	socketDirectory: string,
	owner: { uid: number; gid: number },
	more: Record<string, string>,
) {
	const options = {
		listen_addresses: "",
		unix_socket_directories: socketDirectory,
		unix_socket_permissions: "0700",
		fsync: "off",
		...more,
	};
	const settings = Object.entries(options).flatMap(([name, value]) => [
		"-c",
		`${name}=${value}`,
	]);
	const server = spawn(postgres, ["-D", data, ...settings], {
		...owner,
		cwd: socketDirectory,
		detached: true, // A group of its own: Ctrl-C is not for the server, and `kill` means all.
		stdio: ["ignore", "ignore", "pipe"],
	});
	const exited = once(server, "exit");
	// Once nobody has its standard error any more: its children have gone too.
	const closed = once(server, "close");
	const forget = onExit(() => void server.kill("SIGQUIT"));
	void exited.then(forget);

	const lines: string[] = [];
	const ready = new Promise<void>((resolve) => {
		createInterface({ input: server.stderr }).on("line", (line) => {
			lines.push(line);
			if (line.includes("ready to accept connections")) resolve();
		});
	});
	const failed = exited.then(() => {
		throw new Error(`PostgreSQL did not start:\n${lines.join("\n")}`);
	});
	await Promise.race([ready, failed]);
	failed.catch(() => {}); // From now on an exit is wanted.

	return {
		async end(signal: "SIGKILL" | "SIGINT") {
			if (server.exitCode !== null || server.signalCode !== null) return;
			if (server.pid === undefined) return;
			// Killed alone, the first process would leave its children behind for a moment.
			process.kill(signal === "SIGKILL" ? -server.pid : server.pid, signal);
			await closed;
		},
	};
}

async function findServerPrograms(): Promise<string> {
	const versions = await readdir(debianServers).catch(() => []);
	const [newest] = versions
		.filter((version) => /^\d+$/.test(version))
		.sort((a, b) => Number(b) - Number(a));
	if (newest === undefined)
		throw new Error(
			"There is no PostgreSQL server on this machine. Install one: apt-get install postgresql",
		);
	return join(debianServers, newest, "bin");
}

/** PostgreSQL refuses to run as root; root lends it the account that the package made. */
async function serverOwner(): Promise<{ uid: number; gid: number }> {
	const { uid, gid } = userInfo();
	if (uid !== 0) return { uid, gid };
	const account = async (option: string) =>
		Number((await run("id", [option, "postgres"])).stdout);
	return { uid: await account("-u"), gid: await account("-g") };
}
