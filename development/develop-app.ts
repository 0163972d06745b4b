import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { watch } from "chokidar";
import { makeStore } from "./make-store.ts";
import type { Platform } from "./platform.ts";

const domain = "example.com";
/** The password of a new instance. */
const initialPassword = "developer";
/** Waits until an editor has saved all its files. */
const debounceMs = 200;

interface Instance {
	id: number;
	serviceId: string;
	path: string;
}

type Session = Awaited<ReturnType<Platform["logIn"]>>;

/**
 * Builds and installs an app, creates an instance if there is none, and reinstalls the app whenever a file of its
 * directory changes. Prints build errors; the previous build keeps running then.
 */
export async function developApp(
	platform: Platform,
	directory: string,
	managerPassword: string,
): Promise<void> {
	const session = await platform.logIn(managerPassword);
	await session.call("developerModeChange", { isOn: true });
	const app = JSON.parse(await readFile(join(directory, "app.json"), "utf8"));
	// Watched from the start: a change during the first installation counts as well.
	const files = watch(directory, {
		ignoreInitial: true,
		ignored: (path) => /\/(node_modules|\.git)(\/|$)/.test(path),
	});
	await once(files, "ready");
	let timer: NodeJS.Timeout | undefined;
	let queue = install(session, directory);
	files.on("all", () => {
		clearTimeout(timer);
		timer = setTimeout(() => {
			queue = queue.then(() => reinstall(session, directory));
		}, debounceMs);
	});
	await queue;
	const { id, path } = await instanceOf(session, app.id, basename(directory));
	const { password } = await session.call<{ password: string }>(
		"instanceCredentials",
		{ id },
	);
	console.log(`\n  ${platform.address}${path}   password: ${password}\n`);
	showLog(join(platform.data, "log/apps", app.folder, "current"));
}

async function reinstall(session: Session, directory: string): Promise<void> {
	try {
		await install(session, directory);
		console.log(`\n  ${basename(directory)} reinstalled\n`);
	} catch (error) {
		console.error(`\n${error instanceof Error ? error.message : error}\n`);
	}
}

/** Uploads an archive: unlike the store, it accepts the same build again. */
async function install(session: Session, directory: string): Promise<void> {
	const store = await mkdtemp(join(tmpdir(), "app-platform-store-"));
	try {
		await makeStore([directory], store);
		const tar = spawn("tar", ["-c", "-C", store, "."], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		await session.upload("app-archive", tar.stdout);
	} finally {
		await rm(store, { recursive: true });
	}
}

/** @returns the first instance of the app, created if there is none. */
async function instanceOf(
	{ call }: Session,
	serviceId: string,
	name: string,
): Promise<Instance> {
	const { instances } = await call<{ instances: Instance[] }>("instances");
	const found = instances.find((instance) => instance.serviceId === serviceId);
	if (found) return found;
	return call<Instance>("instanceCreate", {
		serviceId,
		name,
		domain,
		password: initialPassword,
	});
}

/** Prints the log until this process ends. */
function showLog(file: string): void {
	const options = ["--lines=+1", "--follow=name", "--retry", file];
	const tail = spawn("tail", [`--pid=${process.pid}`, ...options], {
		stdio: ["ignore", "inherit", "ignore"],
	});
	tail.unref();
}
