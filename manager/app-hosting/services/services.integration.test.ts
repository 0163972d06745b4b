import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import test from "ava";
import { makeStore } from "../../../development/make-store.ts";
import { TestAppliance, until } from "../../../testing/test-appliance.ts";
import description from "../../../testing/troublemaker/app.json" with {
	type: "json",
};
import type { Alarm } from "../../alarms/alarm-table.ts";

// A service that misbehaves in every way.
const source = join(import.meta.dirname, "../../../testing/troublemaker");
const id = "troublemaker";
const path = "/example.com/trouble/";
const appliance = await TestAppliance.create();

test.before(async () => {
	await appliance.start();
	await offer({ build: 1 });
	await appliance.done("serviceInstall", { id });
	await appliance.done("instanceCreate", {
		serviceId: id,
		name: "trouble",
		domain: "example.com",
	});
	await appliance.waitForStatus(path);
});
test.after.always(() => appliance.remove());

/** Makes a store with only this build. */
async function offer({
	build,
	program,
	pages = {},
}: {
	build: number;
	program?: string;
	/** Contents of the files in its directory `web`. */
	pages?: Record<string, string>;
}) {
	const directory = join(appliance.manager.directory, `app-${build}`);
	const store = join(appliance.manager.directory, `store-${build}`);
	await mkdir(store, { recursive: true });
	await cp(source, directory, { recursive: true });
	const app = JSON.stringify({ ...description, build });
	await writeFile(join(directory, "app.json"), app);
	if (program) await writeFile(join(directory, "main.ts"), program);
	for (const [name, content] of Object.entries(pages)) {
		const file = join(directory, "web", name);
		await mkdir(dirname(file), { recursive: true });
		await writeFile(file, content);
	}
	await makeStore([directory], store);
	await appliance.done("storeUrlChange", { url: store });
}

/** Makes the service send a line to the manager. @returns its process id. */
async function send(line: string, times = 1): Promise<string> {
	const { text } = await appliance.fetch(`${path}?times=${times}`, {
		method: "POST",
		body: `${line}\n`,
	});
	return text;
}

/** Returns the service's alarms only: the test's certificate, which expires soon, raises one too. */
const alarms = async () =>
	((await appliance.done("alarms")).alarms as Alarm[]).filter(
		({ service }) => service === id,
	);

const raise = (code: number, more: object = {}) =>
	JSON.stringify({
		mt: "RaiseAlarm",
		code,
		severity: "major",
		text: "the boiler is cold",
		...more,
	});

/** Waits until a process other than this one answers. */
function waitForRestart(pid: string): Promise<void> {
	return until("another process answers", async () => {
		const answer = await appliance.fetch(path).catch(() => undefined);
		return answer?.status === 200 && answer.text !== pid;
	});
}

test.serial("an alarm is active until it is cleared", async (t) => {
	const instance = { name: "trouble", domain: "example.com" };
	await send(raise(7, { instance }));
	await until("the alarm is raised", async () => (await alarms()).length === 1);
	t.like((await alarms())[0], {
		service: id,
		instance: "trouble@example.com",
		code: 0x240007,
		severity: "major",
		text: "the boiler is cold",
	});
	await send(raise(8));
	await until(
		"another one is raised",
		async () => (await alarms()).length === 2,
	);
	await send(JSON.stringify({ mt: "ClearAlarm", code: 7, instance }));
	await until(
		"the first is cleared",
		async () => (await alarms()).length === 1,
	);
	t.is((await alarms())[0]?.code, 0x240008);
});

test.serial(
	"a service that sends invalid messages is restarted, without alarms",
	async (t) => {
		await waitForRestart(await send("{rubbish"));
		t.deepEqual(await alarms(), []);
		await waitForRestart(await send(raise(65_536)));
		t.deepEqual(await alarms(), []);
	},
);

test.serial("false states of other instances are ignored", async (t) => {
	const { instances } = await appliance.done("instances");
	const lie = { mt: "InstanceState", name: "x", domain: "y", state: "failed" };
	await send(JSON.stringify(lie));
	await send(raise(1));
	await until("the alarm is raised", async () => (await alarms()).length === 1);
	t.deepEqual((await appliance.done("instances")).instances, instances);
});

test.serial("a service that floods the manager is restarted", async (t) => {
	await waitForRestart(await send(raise(2), 20_000));
	const flood = "the service floods the manager with messages";
	const logged = appliance.manager.lines.filter(({ msg }) => msg === flood);
	t.is(logged.length, 1);
	t.deepEqual(await alarms(), []);
});

test.serial(
	"the previous build replaces a new one that does not run",
	async (t) => {
		await offer({ build: 2, program: "process.exit(1);" });
		const { status, body } = await appliance.call("serviceInstall", { id });
		t.is(status, 409);
		t.regex(
			body.error.message,
			/Build 2 .* does not run .* build 1 is restored/,
		);
		await appliance.waitForStatus(path);
		const [service] = (await appliance.done("services")).services;
		t.like(service, { build: "1", state: "running" });
		await appliance.manager.stop("SIGKILL");
		await appliance.startManager("the service runs");
		await appliance.waitForStatus(path);
	},
);

test.serial("and one that ends right after Hello", async (t) => {
	await offer({
		build: 3,
		program: `import { connect } from "node:net";
			const manager = connect(process.argv.find((one) => one.startsWith("--manager="))?.slice(10) ?? "");
			manager.write('{"mt":"Hello","protocol":1,"service":"x"}\\n');
			manager.on("data", () => process.exit(1));`,
	});
	t.is((await appliance.call("serviceInstall", { id })).status, 409);
	await appliance.waitForStatus(path);
});

test.serial("a working build replaces the previous one", async (t) => {
	await offer({ build: 4 });
	await appliance.done("serviceInstall", { id });
	await appliance.waitForStatus(path);
	const [service] = (await appliance.done("services")).services;
	t.like(service, { build: "4", state: "running" });
	await appliance.manager.stop("SIGKILL");
	await appliance.startManager("the service runs");
	t.is((await appliance.done("services")).services[0].build, "4");
	await appliance.waitForStatus(path);
});

test.serial("no file of the previous build is left", async (t) => {
	const web = join(appliance.manager.directory, "data/apps", id, "web");
	const install = () => appliance.call("serviceInstall", { id });
	const long = "long ".repeat(100);
	await offer({ build: 41, pages: { "one.js": long, "two.js": long } });
	t.is((await install()).status, 200);
	const all = (await readdir(web)).sort();
	t.deepEqual(
		all,
		["one", "two"].flatMap((name) =>
			["", ".br", ".gz"].map((ending) => `${name}.js${ending}`),
		),
	);
	const program = "process.exit(1);";
	await offer({ build: 42, program, pages: { "one.js": "short" } });
	t.is((await install()).status, 409);
	t.deepEqual((await readdir(web)).sort(), all);
	await offer({ build: 43, pages: { "one.js": "short" } });
	t.is((await install()).status, 200);
	t.deepEqual(await readdir(web), ["one.js"]);
	await appliance.waitForStatus(path);
});

test.serial("a file becomes a directory, and a directory a file", async (t) => {
	const web = join(appliance.manager.directory, "data/apps", id, "web");
	for (const [build, name] of [
		[44, "one.js/two.js"],
		[45, "one.js"],
	] as const) {
		await offer({ build, pages: { [name]: "short" } });
		t.like(await appliance.call("serviceInstall", { id }), { status: 200 });
		t.is(await readFile(join(web, name), "utf8"), "short");
	}
	await appliance.waitForStatus(path);
});

test.serial(
	"a failure of PostgreSQL during an update leaves the previous build",
	async (t) => {
		await offer({ build: 46 });
		const pid = (await appliance.fetch(path)).text;
		const refused = appliance.call("serviceInstall", { id });
		await waitForRestart(pid);
		await appliance.manager.cluster.kill();
		t.is((await refused).status, 503);
		await appliance.manager.cluster.start();
		await appliance.waitForStatus(path);
		const [service] = (await appliance.done("services")).services;
		t.like(service, { build: "45", state: "running" });
	},
);

test.serial("wrong rules of an administrator raise an alarm", async (t) => {
	const { directory } = appliance.manager;
	const leftOut = join(directory, "run/app-rules-left-out");
	const text = async () =>
		((await appliance.done("alarms")).alarms as Alarm[]).find(
			({ code }) => code === 0x0025_0005,
		)?.text;
	const restart = async () => {
		await appliance.manager.stop();
		await appliance.startManager();
	};
	await writeFile(leftOut, "/mnt/sda2/system/apps-x.nft is ignored: typo\n");
	await restart();
	await until("the alarm is raised", async () =>
		/load-app-rules. .*apps-x.nft is ignored: typo/.test(String(await text())),
	);
	await writeFile(leftOut, "");
	await restart();
	await until("the alarm is cleared", async () => !(await text()));
	await appliance.waitForStatus(path);
	t.pass();
});

test.serial("a crash loop raises an alarm", async (t) => {
	t.timeout(90_000);
	for (let crash = 1; crash <= 5; crash += 1) {
		await appliance.waitForStatus(path);
		await appliance.fetch(`${path}crash`).catch(() => {});
		await until("the crash is counted", async () => {
			const { services } = await appliance.done("services");
			return services[0].crashes === crash;
		});
	}
	t.like((await alarms())[0], { service: id, severity: "critical" });
	t.regex((await alarms())[0]?.text ?? "", /crashes again and again/);
});
