import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { watch } from "chokidar";
import { makeStore } from "./make-store.ts";
import type { Platform } from "./platform.ts";

const domain = "example.com";
/** Of an instance that is made here. */
const firstPassword = "developer";
/** An editor that saves many files is waited for. */
const settledMs = 200;

interface Instance {
	id: number;
	serviceId: string;
	path: string;
}

type Session = Awaited<ReturnType<Platform["logIn"]>>;

/**
 * Builds and installs an app, makes an instance of it where there is none, and does so again whenever a file of its
 * folder changes. What cannot be built is said, and what ran before runs on.
 */
export async function developApp(
	platform: Platform,
	folder: string,
	managerPassword: string,
): Promise<void> {
	const session = await platform.logIn(managerPassword);
	await session.call("developerModeChange", { isOn: true });
	const app = JSON.parse(await readFile(join(folder, "app.json"), "utf8"));
	await install(session, folder);
	const { id, path } = await instanceOf(session, app.id, basename(folder));
	const { password } = await session.call<{ password: string }>(
		"instanceCredentials",
		{ id },
	);
	console.log(`\n  ${platform.address}${path}   password: ${password}\n`);
	showLog(join(platform.data, "log/apps", app.folder, "current"));

	let again: NodeJS.Timeout | undefined;
	let turn = Promise.resolve();
	const files = watch(folder, {
		ignoreInitial: true,
		ignored: (path) => /\/(node_modules|\.git)(\/|$)/.test(path),
	});
	files.on("all", () => {
		clearTimeout(again);
		again = setTimeout(() => {
			turn = turn.then(() => installAgain(session, folder));
		}, settledMs);
	});
}

async function installAgain(session: Session, folder: string): Promise<void> {
	try {
		await install(session, folder);
		console.log(`\n  ${basename(folder)} is installed again\n`);
	} catch (error) {
		console.error(`\n${error instanceof Error ? error.message : error}\n`);
	}
}

/** As an archive, which takes the same build again. */
async function install(session: Session, folder: string): Promise<void> {
	const store = await mkdtemp(join(tmpdir(), "app-platform-store-"));
	try {
		await makeStore([folder], store);
		const tar = spawn("tar", ["-c", "-C", store, "."], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		await session.upload("app-archive", tar.stdout);
	} finally {
		await rm(store, { recursive: true });
	}
}

/** The first of the app, made where there is none. */
async function instanceOf(
	{ call }: Session,
	serviceId: string,
	name: string,
): Promise<Instance> {
	const { instances } = await call<{ instances: Instance[] }>("instances");
	const found = instances.find((instance) => instance.serviceId === serviceId);
	if (found) return found;
	const wanted = { serviceId, name, domain, password: firstPassword };
	return call<Instance>("instanceCreate", wanted);
}

/** Until this process ends. */
function showLog(file: string): void {
	const arguments_ = ["--lines=+1", "--follow=name", "--retry", file];
	const tail = spawn("tail", [`--pid=${process.pid}`, ...arguments_], {
		stdio: ["ignore", "inherit", "ignore"],
	});
	tail.unref();
}
