import { execFile } from "node:child_process";
import { randomBytes, X509Certificate } from "node:crypto";
import {
	copyFile,
	readFile,
	rename,
	rm,
	stat,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import test from "ava";
import { TestAppliance, until } from "../../testing/test-appliance.ts";
import { TestAuthority } from "../../testing/test-authority.ts";
import {
	archiveOf,
	TestKey,
	updateMembers,
} from "../../testing/test-update.ts";

// What a copy of the manager's database reveals, from systems that did not seal to a lost key.
const run = promisify(execFile);
const serviceId = "app-platform_notes";
const appliance = await TestAppliance.withApp(
	join(import.meta.dirname, "../../apps/notes"),
);
const { manager } = appliance;
const done = appliance.done.bind(appliance);
const here = (name: string) => join(manager.directory, name);
const keyFile = here("data/system/manager/password.key");
const updateKey = await TestKey.create();
const authority = await TestAuthority.create("device.example.com", {
	extensions: ["subjectAltName=DNS:device.example.com"],
});
const accountKey = (await TestAuthority.create("account")).key;
const pem = authority.certificate + authority.key;
const credentials = {
	one: { password: "web-of-one-7Q", databasePassword: "data-of-one-7Q" },
	two: { password: "web-of-two-7Q", databasePassword: "data-of-two-7Q" },
};
/** Parts of all secrets that must not be found in a copy. */
const secrets = [
	...Object.values(credentials).flatMap((one) => Object.values(one)),
	...[authority.key, accountKey].map((key) => key.split("\n")[2] ?? "missing"),
];
const ids: Record<string, number> = {};

test.before(async () => {
	await copyFile(
		join(import.meta.dirname, "../device/update/boot-partition.fixture.sh"),
		here("boot-partition"),
	);
	const scripts = {
		boot: `if [ "$1" = confirm ] && [ -e ${here("on-trial")} ]; then exit 1; fi\nexec ${here("boot-partition")} "$@"`,
		restart: `exec touch ${here("restarted")}`,
	};
	for (const [name, script] of Object.entries(scripts))
		await writeFile(here(name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
	await writeFile(
		here("release"),
		"VERSION=1.2.0\nBUILD=100000\nTARGET=x86_64\n",
	);
	appliance.environment = {
		MANAGER_BOOT_PARTITION_COMMAND: here("boot"),
		MANAGER_RESTART_COMMAND: here("restart"),
		MANAGER_KEYS_FOLDER: updateKey.trusted,
	};
	await restart();
	for (const [name, its] of Object.entries(credentials)) {
		const wanted = { serviceId, name, domain: "example.com", ...its };
		ids[name] = (await done("instanceCreate", wanted)).id;
	}
	await done("certificateUpload", { pem });
});
test.after.always(() => appliance.remove());

async function restart(): Promise<void> {
	await manager.stop();
	await appliance.startManager();
}

const sql = (statement: string) => manager.query(statement);

/** Returns which secrets are in a dump of the manager's database, as `pg_dump manager` makes it. */
async function foundInDump(): Promise<string[]> {
	const { host, user } = manager.cluster;
	const { stdout } = await run(
		"pg_dump",
		["--host", host, "--username", user, "manager"],
		{ maxBuffer: 2 ** 30 },
	);
	return secrets.filter((secret) => stdout.includes(secret));
}

/** Returns which secrets are in the files of the databases, also in rows that are deleted. */
async function foundInFiles(): Promise<string[]> {
	await sql("CHECKPOINT");
	const found = [];
	for (const secret of secrets) {
		const base = join(manager.cluster.host, "data/base");
		const hits = await run("grep", ["-rlaF", "--", secret, base]).catch(
			({ code }) => {
				if (code !== 1) throw new Error("grep failed");
			},
		);
		if (hits) found.push(secret);
	}
	return found;
}

interface InstanceState {
	id: number;
	state: string;
	text?: string;
}

async function stateOf(name: string): Promise<InstanceState> {
	const { instances } = await done("instances");
	return instances.find(({ id }: InstanceState) => id === ids[name]);
}

const waitForState = (name: string, state: string) =>
	until(`${name} is ${state}`, async () => {
		return (await stateOf(name)).state === state;
	});

/** Waits until everything is sealed, and nothing of before remains. */
const waitUntilSealed = () =>
	until("all secrets are sealed", async () => {
		const [row] = await sql(`SELECT
			(SELECT count(*) FROM instance WHERE NOT starts_with(password, 'sealed:1:') OR NOT starts_with(database_password, 'sealed:1:'))
			+ (SELECT count(*) FROM config WHERE name = 'secretRemains' OR
				name IN ('acme', 'webserverCertificate') AND NOT starts_with(value #>> '{}', 'sealed:1:')) AS left`);
		return Number(row.left) === 0;
	});

const waitUntilOldKeyIsDeleted = () =>
	until("the old key is deleted", async () =>
		stat(`${keyFile}.old`).then(
			() => false,
			() => true,
		),
	);

const stored = () =>
	sql(`SELECT id::text AS key, password || ' ' || database_password AS value FROM instance
		UNION SELECT name, value::text FROM config WHERE name IN ('acme', 'webserverCertificate') ORDER BY 1`);

async function unreadableAlarm(): Promise<string | undefined> {
	const { alarms } = await done("alarms");
	return alarms.find((one: { code: number }) => one.code === 0x0025_0004)?.text;
}

/** Stores all secrets as systems did that sealed nothing. */
async function storePlain(): Promise<void> {
	for (const [name, its] of Object.entries(credentials))
		await sql(
			`UPDATE instance SET password = '${its.password}', database_password = '${its.databasePassword}' WHERE name = '${name}'`,
		);
	await sql(
		`INSERT INTO config (name, value) VALUES
			('webserverCertificate', '${JSON.stringify({ pem, source: "upload" })}'),
			('acme', '${JSON.stringify({
				...{ directoryUrl: "https://acme.invalid/", email: "", accountKey },
				...{ names: ["device.example.com"], problem: "none" },
				...{ isIssued: false, failures: 9, lastFailureMs: Date.now() },
			})}')
		 ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
	);
	await sql("ANALYZE instance, config");
}

async function servedFingerprint(): Promise<string> {
	const socket = connect({
		host: "127.0.0.1",
		port: appliance.webServer.port,
		rejectUnauthorized: false,
	});
	await new Promise((resolve) => socket.once("secureConnect", resolve));
	const { fingerprint256 } = socket.getPeerCertificate();
	socket.destroy();
	return fingerprint256;
}

test.serial("what the manager stores is sealed at once", async (t) => {
	t.deepEqual(await foundInDump(), []);
	for (const name of ["one", "two"] as const) {
		await waitForState(name, "running");
		const { id } = await stateOf(name);
		t.deepEqual(await done("instanceCredentials", { id }), credentials[name]);
	}
	t.is((await stat(keyFile)).mode & 0o777, 0o600);
});

test.serial(
	"on a trial boot, secrets stay as the system before has stored them",
	async (t) => {
		await manager.stop();
		await storePlain();
		t.deepEqual(await foundInDump(), secrets);
		await writeFile(here("on-trial"), "");
		await restart();
		await waitForState("one", "running");
		const wanted = { serviceId, name: "three", domain: "example.com" };
		const { id } = await done("instanceCreate", wanted);
		const [row] = await sql(`SELECT password FROM instance WHERE id = ${id}`);
		t.is(row.password, (await done("instanceCredentials", { id })).password);
		await done("instanceDelete", { id, name: "three" });
		t.deepEqual(await foundInDump(), secrets);
		t.deepEqual(await foundInFiles(), secrets);
	},
);

test.serial(
	"once the system is confirmed, all are sealed and nothing remains in the files",
	async (t) => {
		await rm(here("on-trial"));
		await restart();
		await waitUntilSealed();
		t.deepEqual(await foundInDump(), []);
		t.deepEqual(await foundInFiles(), []);
		for (const name of ["one", "two"] as const) {
			await waitForState(name, "running");
			t.deepEqual(
				await done("instanceCredentials", { id: ids[name] }),
				credentials[name],
			);
		}
		t.is(await servedFingerprint(), new X509Certificate(pem).fingerprint256);
		t.like(await done("acmeStatus"), {
			state: "waiting",
			directoryUrl: "https://acme.invalid/",
		});
		const before = await stored();
		await restart();
		await done("acmeStatus");
		t.deepEqual(await stored(), before);
	},
);

test.serial("a password written with psql counts at once", async (t) => {
	await sql("UPDATE instance SET password = 'by psql' WHERE name = 'one'");
	const id = ids.one;
	t.like(await done("instanceCredentials", { id }), { password: "by psql" });
	await restart();
	await waitUntilSealed();
	t.like(await done("instanceCredentials", { id }), { password: "by psql" });
	await done("instanceEdit", { id, password: credentials.one.password });
});

test.serial("a clone gets a key of its own", async (t) => {
	const before = await stored();
	await rename(keyFile, `${keyFile}.old`);
	await restart();
	await waitUntilOldKeyIsDeleted();
	for (const [index, { key, value }] of (await stored()).entries()) {
		t.is(key, before[index].key);
		t.not(value, before[index].value);
	}
	const id = ids.two;
	t.deepEqual(await done("instanceCredentials", { id }), credentials.two);
	t.is(await unreadableAlarm(), undefined);
});

test.serial("sealed passwords that are swapped are refused", async (t) => {
	const swaps = [
		"UPDATE instance SET password = database_password, database_password = password WHERE name = 'one'",
		"UPDATE instance AS i SET password = (SELECT password FROM instance AS j WHERE i.name <> j.name)",
	];
	for (const swap of swaps) {
		await sql(swap);
		await restart();
		await waitForState("one", "failed");
		t.regex(String((await stateOf("one")).text), /cannot be read/);
		const id = ids.one;
		const { status, body } = await appliance.call("instanceCredentials", {
			id,
		});
		t.like(
			{ status, ...body.error },
			{ status: 409, code: "secretUnreadable" },
		);
		await until("the alarm is raised", async () =>
			/passwords of instances/.test(String(await unreadableAlarm())),
		);
		await sql(swap);
	}
	await restart();
	await waitForState("one", "running");
	await until("the alarm is cleared", async () => !(await unreadableAlarm()));
});

test.serial(
	"a lost key raises an alarm, and nothing sealed is overwritten",
	async (t) => {
		const before = await stored();
		await rename(keyFile, here("lost.key"));
		await restart();
		await until("the alarm is raised", async () =>
			/passwords of instances, the web server's certificate, the account/.test(
				String(await unreadableAlarm()),
			),
		);
		await waitForState("one", "failed");
		t.regex(String((await done("acmeStatus")).problem), /cannot be read/);
		t.is(await servedFingerprint(), new X509Certificate(pem).fingerprint256);
		t.deepEqual(await stored(), before);
		const edit = { id: ids.one, password: "entered again" };
		const refused = await appliance.call("instanceEdit", edit);
		t.is(refused.body.error.code, "secretUnreadable");
	},
);

test.serial("passwords are entered again, with a new key", async (t) => {
	const id = ids.one;
	const again = { password: "entered again", databasePassword: "data again" };
	await done("instanceEdit", { id, ...again });
	await waitForState("one", "running");
	t.deepEqual(await done("instanceCredentials", { id }), again);
	t.is((await stateOf("two")).state, "failed");
	t.notDeepEqual(await readFile(keyFile), await readFile(here("lost.key")));
});

test.serial(
	"the lost key beside the new one makes everything readable, and is deleted",
	async (t) => {
		await writeFile(`${keyFile}.old`, randomBytes(32));
		await restart();
		await until("the alarm is raised", async () => !!(await unreadableAlarm()));
		t.is((await stat(`${keyFile}.old`)).size, 32);
		await rename(here("lost.key"), `${keyFile}.old`);
		await restart();
		await waitUntilOldKeyIsDeleted();
		await until("the alarm is cleared", async () => !(await unreadableAlarm()));
		t.deepEqual(
			await done("instanceCredentials", { id: ids.two }),
			credentials.two,
		);
		t.is((await done("acmeStatus")).problem, "none");
		await restart();
		await waitForState("two", "running");
		t.deepEqual(await foundInDump(), []);
	},
);

test.serial(
	"an older system that is installed on request gets secrets that it can read",
	async (t) => {
		await done("instanceEdit", { id: ids.one, ...credentials.one });
		const older = await archiveOf(
			await updateMembers(updateKey, { build: 99_999 }),
		);
		const upload = () =>
			appliance.upload(
				"update-file?offset=0",
				"application/octet-stream",
				older,
			);
		await upload();
		await writeFile(here("broken"), "");
		const failed = await appliance.call("updateInstall", { allowOlder: true });
		t.not(failed.status, 200);
		await waitUntilSealed();
		await rm(here("broken"));
		await upload();
		await done("updateInstall", { allowOlder: true });
		t.deepEqual(await foundInDump(), secrets);
		await until("the machine restarts", async () => {
			await stat(here("restarted"));
			return true;
		});
		await restart();
		await waitForState("one", "running");
		t.deepEqual(await foundInDump(), secrets);
		await done("updateCancel");
		await waitUntilSealed();
		t.deepEqual(await foundInDump(), []);
	},
);
