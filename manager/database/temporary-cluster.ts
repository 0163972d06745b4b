import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
	chown,
	mkdir,
	mkdtemp,
	readdir,
	rm,
	writeFile,
} from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { onExit } from "signal-exit";

const run = promisify(execFile);
const debianServers = "/usr/lib/postgresql";
const managerRoleFile = join(
	import.meta.dirname,
	"../../overlay/system/usr/lib/app-platform/manager-role.sql",
);
/** As on an appliance, but without its check which user of this machine connects. */
const accessRules = `
local manager app_platform_manager trust
local all app_platform_manager reject
local all +app_instances scram-sha-256
local all all trust
host all all all scram-sha-256
`;

/** A private PostgreSQL server, reachable only by its UNIX socket unless `listen_addresses` is set. */
export interface TemporaryCluster {
	/** The directory of the socket, for PGHOST. Without a password, only the manager's role and `user` can connect. */
	host: string;
	/** A superuser. */
	user: string;
	/** Kills all processes of the server at once, as a crash would. */
	kill(): Promise<void>;
	/** Restarts it after `kill`. */
	start(): Promise<void>;
	/** Stops the server and removes its files. */
	remove(): Promise<void>;
}

/**
 * Creates and starts a cluster in a temporary directory, with the newest installed PostgreSQL, and with the
 * manager's role and database.
 * For tests and developers; its data does not survive a power cut.
 * @param settings additional settings of postgresql.conf; network clients need a password.
 * @param dataDirectory keeps the data, which then survives a power cut; may already contain some.
 * @throws Error with instructions if PostgreSQL is not installed.
 */
export async function startTemporaryCluster(
	settings: Record<string, string> = {},
	dataDirectory?: string,
): Promise<TemporaryCluster> {
	const programs = await findServerPrograms();
	const owner = await serverOwner();
	const directory = await mkdtemp(join(tmpdir(), "app-platform-postgresql-"));
	await chown(directory, owner.uid, owner.gid);
	const data = dataDirectory ?? join(directory, "data");
	const user = userInfo().username;
	if (dataDirectory) {
		settings = { fsync: "on", ...settings };
		await mkdir(data, { recursive: true });
		await chown(data, owner.uid, owner.gid);
	}

	const initdb = ["--pgdata", data, "--username", user];
	if (!dataDirectory) initdb.push("--no-sync");
	const encoding = ["--encoding", "UTF8", "--no-locale"];
	if (!existsSync(join(data, "PG_VERSION")))
		await run(join(programs, "initdb"), [...initdb, ...encoding], {
			...owner,
			cwd: directory,
		}).catch(({ stderr }) => {
			throw new Error(
				`PostgreSQL, which runs as user ${owner.uid}, cannot create its files: ${stderr.trim()}`,
			);
		});

	const accessFile = join(data, "pg_hba.conf");
	await writeFile(
		accessFile,
		`local postgres,manager ${user} trust${accessRules}`,
	);

	const start = async () => {
		const server = await startServer(
			join(programs, "postgres"),
			data,
			directory,
			owner,
			settings,
		);
		try {
			await run("psql", [
				...["--no-psqlrc", "--quiet", "--dbname", "postgres"],
				...["--host", directory, "--port", settings.port ?? "5432"],
				...["--username", user],
				...["--file", managerRoleFile],
			]);
		} catch (error) {
			await server.end("SIGKILL");
			throw error;
		}
		return server;
	};
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
	additional: Record<string, string>,
) {
	const options = {
		listen_addresses: "",
		unix_socket_directories: socketDirectory,
		unix_socket_permissions: "0700",
		fsync: "off",
		...additional,
	};
	const settings = Object.entries(options).flatMap(([name, value]) => [
		"-c",
		`${name}=${value}`,
	]);
	const server = spawn(postgres, ["-D", data, ...settings], {
		...owner,
		cwd: socketDirectory,
		detached: true, // Its own process group: Ctrl-C does not reach it, and `kill` ends the group.
		stdio: ["ignore", "ignore", "pipe"],
	});
	const exited = once(server, "exit");
	// Standard error is closed only after the children have exited too.
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
	failed.catch(() => {}); // From now on an exit is expected.

	return {
		async end(signal: "SIGKILL" | "SIGINT") {
			if (server.exitCode !== null || server.signalCode !== null) return;
			if (server.pid === undefined) return;
			// The children of the main process would outlive it for a moment.
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
			"PostgreSQL is not installed on this machine. Install it: apt-get install postgresql",
		);
	return join(debianServers, newest, "bin");
}

/** PostgreSQL refuses to run as root; root uses the account that the package created. */
async function serverOwner(): Promise<{ uid: number; gid: number }> {
	const { uid, gid } = userInfo();
	if (uid !== 0) return { uid, gid };
	const account = async (option: string) =>
		Number((await run("id", [option, "postgres"])).stdout);
	return { uid: await account("-u"), gid: await account("-g") };
}
