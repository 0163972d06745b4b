import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import test from "ava";
import { makeStore } from "../../../development/make-store.ts";
import { TestAppliance, until } from "../../../testing/test-appliance.ts";
import description from "../../../testing/troublemaker/app.json" with {
	type: "json",
};
import type { Alarm } from "../../alarms/table.ts";

// A service that does all that it should not.
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
	await appliance.answers(path);
});
test.after.always(() => appliance.remove());

/** Has the store offer a build, and no other. */
async function offer({
	build,
	program,
	pages = {},
}: {
	build: number;
	program?: string;
	/** What is in the files of its folder `web`. */
	pages?: Record<string, string>;
}) {
	const folder = join(appliance.manager.directory, `app-${build}`);
	const store = join(appliance.manager.directory, `store-${build}`);
	await mkdir(store, { recursive: true });
	await cp(source, folder, { recursive: true });
	const app = JSON.stringify({ ...description, build });
	await writeFile(join(folder, "app.json"), app);
	if (program) await writeFile(join(folder, "main.ts"), program);
	for (const [name, content] of Object.entries(pages)) {
		const file = join(folder, "web", name);
		await mkdir(dirname(file), { recursive: true });
		await writeFile(file, content);
	}
	await makeStore([folder], store);
	await appliance.done("storeUrlChange", { url: store });
}

/** The service says this to the manager. @returns its process. */
async function say(line: string, times = 1): Promise<string> {
	const { text } = await appliance.fetch(`${path}?times=${times}`, {
		method: "POST",
		body: `${line}\n`,
	});
	return text;
}

/** Of the service: the test's own certificate ends soon. */
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

/** A process with another number answers. */
function isStartedAfter(pid: string): Promise<void> {
	return until("another process answers", async () => {
		const answer = await appliance.fetch(path).catch(() => undefined);
		return answer?.status === 200 && answer.text !== pid;
	});
}

test.serial("an alarm is there until it is cleared", async (t) => {
	const instance = { name: "trouble", domain: "example.com" };
	await say(raise(7, { instance }));
	await until("it is raised", async () => (await alarms()).length === 1);
	t.like((await alarms())[0], {
		service: id,
		instance: "trouble@example.com",
		code: 0x240007,
		severity: "major",
		text: "the boiler is cold",
	});
	await say(raise(8));
	await until("another one too", async () => (await alarms()).length === 2);
	await say(JSON.stringify({ mt: "ClearAlarm", code: 7, instance }));
	await until("the first is over", async () => (await alarms()).length === 1);
	t.is((await alarms())[0]?.code, 0x240008);
});

test.serial(
	"who sends rubbish is started afresh, without alarms",
	async (t) => {
		await isStartedAfter(await say("{rubbish"));
		t.deepEqual(await alarms(), []);
		await isStartedAfter(await say(raise(65_536)));
		t.deepEqual(await alarms(), []);
	},
);

test.serial("who lies about other instances changes nothing", async (t) => {
	const { instances } = await appliance.done("instances");
	const lie = { mt: "InstanceState", name: "x", domain: "y", state: "failed" };
	await say(JSON.stringify(lie));
	await say(raise(1));
	await until("it was heard", async () => (await alarms()).length === 1);
	t.deepEqual((await appliance.done("instances")).instances, instances);
});

test.serial("who floods the manager is started afresh", async (t) => {
	await isStartedAfter(await say(raise(2), 20_000));
	const flood = "the service floods the manager with messages";
	const told = appliance.manager.lines.filter(({ msg }) => msg === flood);
	t.is(told.length, 1);
	t.deepEqual(await alarms(), []);
});

test.serial("a build that does not run leaves the one before", async (t) => {
	await offer({ build: 2, program: "process.exit(1);" });
	const { status, body } = await appliance.call("serviceInstall", { id });
	t.is(status, 409);
	t.regex(body.error.message, /Build 2 .* does not run .* build 1 is back/);
	await appliance.answers(path);
	const [service] = (await appliance.done("services")).services;
	t.like(service, { build: "1", state: "running" });
	await appliance.manager.stop("SIGKILL");
	await appliance.startManager("the service runs");
	await appliance.answers(path);
});

test.serial("one that ends right after its first words as well", async (t) => {
	await offer({
		build: 3,
		program: `import { connect } from "node:net";
			const manager = connect(process.argv.find((one) => one.startsWith("--manager="))?.slice(10) ?? "");
			manager.write('{"mt":"Hello","protocol":1,"service":"x"}\\n');
			manager.on("data", () => process.exit(1));`,
	});
	t.is((await appliance.call("serviceInstall", { id })).status, 409);
	await appliance.answers(path);
});

test.serial("a good build takes the place of the one before", async (t) => {
	await offer({ build: 4 });
	await appliance.done("serviceInstall", { id });
	await appliance.answers(path);
	const [service] = (await appliance.done("services")).services;
	t.like(service, { build: "4", state: "running" });
	await appliance.manager.stop("SIGKILL");
	await appliance.startManager("the service runs");
	t.is((await appliance.done("services")).services[0].build, "4");
	await appliance.answers(path);
});

test.serial("of the build before no file is left", async (t) => {
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
	await appliance.answers(path);
});

test.serial("a file becomes a folder, and a folder a file", async (t) => {
	const web = join(appliance.manager.directory, "data/apps", id, "web");
	for (const [build, name] of [
		[44, "one.js/two.js"],
		[45, "one.js"],
	] as const) {
		await offer({ build, pages: { [name]: "short" } });
		t.like(await appliance.call("serviceInstall", { id }), { status: 200 });
		t.is(await readFile(join(web, name), "utf8"), "short");
	}
	await appliance.answers(path);
});

test.serial(
	"PostgreSQL lost during an update leaves the build before",
	async (t) => {
		await offer({ build: 5 });
		const pid = (await appliance.fetch(path)).text;
		const refused = appliance.call("serviceInstall", { id });
		await isStartedAfter(pid);
		await appliance.manager.cluster.kill();
		t.is((await refused).status, 503);
		await appliance.manager.cluster.start();
		await appliance.answers(path);
		const [service] = (await appliance.done("services")).services;
		t.like(service, { build: "45", state: "running" });
	},
);

test.serial("one that crashes again and again is an alarm", async (t) => {
	t.timeout(90_000);
	for (let crash = 1; crash <= 5; crash += 1) {
		await appliance.answers(path);
		await appliance.fetch(`${path}crash`).catch(() => {});
		await until("it was counted", async () => {
			const { services } = await appliance.done("services");
			return services[0].crashes === crash;
		});
	}
	t.like((await alarms())[0], { service: id, severity: "critical" });
	t.regex((await alarms())[0]?.text ?? "", /crashes again and again/);
});
