import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { Agent, request } from "undici";
import { until } from "../testing/test-appliance.ts";
import { freePort } from "./free-port.ts";

// As a developer does it: the command, and requests through the web server. Takes about 20 s.
const minute = 60_000;
const port = await freePort();
const address = `https://localhost:${port}`;
const managerAddress = `https://localhost:${port + 1}`;
const directory = await mkdtemp(join(tmpdir(), "app-platform-test-"));
// If run as root, PostgreSQL runs as another user, which must be able to traverse it.
await chmod(directory, 0o711);
const dataDirectory = join(directory, "data");
const app = join(directory, "greeter");
const browser = new Agent({ connect: { rejectUnauthorized: false } });
let running: Command | undefined;
test.after.always(async () => {
	await running?.end("SIGKILL");
	await browser.destroy();
	await rm(directory, { recursive: true });
});

test.serial("installs the example apps from its store", async (t) => {
	t.timeout(minute);
	running = new Command("--data", dataDirectory);
	await running.printed(`${managerAddress}/manager/`);
	const call = await logIn();
	await call("serviceInstall", { id: "app-platform_notes" });
	for (const name of ["one", "two"]) {
		const wanted = { serviceId: "app-platform_notes", name };
		await call("instanceCreate", {
			...{ ...wanted, domain: "example.com", password: "developer" },
		});
		const path = `/example.com/${name}/`;
		await until(path, async () => /<title>Notes/.test(await page(path)));
	}
	t.notRegex(running.output, /WARN|ERROR|^ {4}at /m);
});

test.serial("operations for images only are refused", async (t) => {
	const call = await logIn();
	await t.throwsAsync(
		call("changeAllPasswords", {
			currentPassword: "pwd",
			newPassword: "another password",
		}),
		{ message: /A developer's machine keeps its passwords/ },
	);
	await t.notThrowsAsync(logIn());
});

test.serial("Ctrl-C stops everything", async (t) => {
	t.timeout(minute);
	t.is(await running?.end("SIGINT"), 0);
	await t.throwsAsync(page("/manager/"));
});

test.serial("--data keeps apps, and --app adds another", async (t) => {
	t.timeout(minute);
	await mkdir(app);
	await writeFile(
		join(app, "app.json"),
		JSON.stringify({
			...{ id: "greeter", folder: "greeter", binary: "greeter" },
			...{ title: "Greeter", description: "Greets.", manufacturer: "Test" },
			...{ build: 1, label: "1" },
		}),
	);
	await greet("hello");
	running = new Command("--data", dataDirectory, "--app", app);
	await running.printed(`${address}/example.com/greeter/`);
	for (const [path, text] of [
		["/example.com/greeter/", /^hello$/],
		["/example.com/one/", /<title>Notes/],
	] as const)
		await until(path, async () => text.test(await page(path)));
	await t.notThrowsAsync(running.printed("the greeter begins"));
});

test.serial("the app is reinstalled when its files change", async (t) => {
	t.timeout(minute);
	await greet("good morning");
	await until(
		"the change",
		async () => (await page("/example.com/greeter/")) === "good morning",
	);
	await writeFile(join(app, "main.ts"), "const x = ;");
	await running?.printed("main.ts:1:10");
	t.is(await page("/example.com/greeter/"), "good morning");
	await greet("good evening");
	await until(
		"the change after the mistake",
		async () => (await page("/example.com/greeter/")) === "good evening",
	);
	t.is(await running?.end("SIGINT"), 0);
});

test.serial("a port in use is reported", async (t) => {
	t.timeout(minute);
	const other = createServer().listen(port, "127.0.0.1");
	await once(other, "listening");
	running = new Command();
	await running.printed(`Port ${port} is in use`);
	t.is(await running.exited, 1);
	other.close();
});

/** `npm run manager -- …` */
class Command {
	output = "";
	readonly exited: Promise<number | null>;
	readonly #process: ChildProcess;

	constructor(...args: string[]) {
		const command = join(import.meta.dirname, "command.ts");
		this.#process = spawn(
			process.execPath,
			["--import=tsx", command, "--port", String(port), ...args],
			{ stdio: ["ignore", "pipe", "pipe"] },
		);
		for (const stream of [this.#process.stdout, this.#process.stderr])
			stream?.on("data", (text) => {
				this.output += text;
				this.#process.emit("printed");
			});
		this.exited = once(this.#process, "close").then(([code]) => code);
	}

	async printed(text: string): Promise<void> {
		const exited = this.exited.then(() => {
			if (!this.output.includes(text))
				throw new Error(`It exited without printing ${text}:\n${this.output}`);
		});
		while (!this.output.includes(text))
			await Promise.race([once(this.#process, "printed"), exited]);
	}

	/** @returns the exit code. */
	async end(signal: NodeJS.Signals): Promise<number | null> {
		this.#process.kill(signal);
		return this.exited;
	}
}

/** @returns a function that calls an operation. It throws an Error with the message of a failure. */
async function logIn() {
	let cookie = "";
	const call = async (operation: string, input: object) => {
		const { statusCode, headers, body } = await request(
			`${managerAddress}/manager/api/${operation}`,
			{
				...{ dispatcher: browser, method: "POST" },
				headers: { cookie, "content-type": "application/json" },
				body: JSON.stringify(input),
			},
		);
		if (statusCode !== 200) throw new Error(await body.text());
		await body.dump();
		return String(headers["set-cookie"]).split(";")[0] ?? "";
	};
	cookie = await call("login", { password: "pwd" });
	return call;
}

async function page(path: string): Promise<string> {
	const { body } = await request(`${address}${path}`, { dispatcher: browser });
	return body.text();
}

function greet(words: string): Promise<void> {
	return writeFile(
		join(app, "main.ts"),
		`import { runService } from "app-platform-sdk";
		console.log("the greeter begins");
		runService((instance) => {
			instance.onRequest((_request, response) => void response.end(${JSON.stringify(words)}));
		});`,
	);
}
