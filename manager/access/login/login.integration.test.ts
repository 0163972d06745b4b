import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { freeFailures } from "../../../sdk/attempt-limiter.ts";
import { TestManager } from "../../../testing/test-manager.ts";

let manager: TestManager;

test.before(async () => {
	manager = await TestManager.create();
	await manager.start();
});
test.after.always(() => manager.remove());

test.serial("the default password works and is reported", async (t) => {
	const before = await manager.call("session");
	t.deepEqual(before.body, { loggedIn: false, defaultPassword: true });
	const cookie = await manager.logIn("pwd");
	const after = await manager.call("session", {}, { cookie });
	t.deepEqual(after.body, { loggedIn: true, defaultPassword: true });
});

test.serial(
	"the cookie is not accessible to scripts, other sites and apps",
	async (t) => {
		const { headers } = await manager.call("login", { password: "pwd" });
		const cookie = String(headers["set-cookie"]);
		for (const attribute of [
			"HttpOnly",
			"Secure",
			"SameSite=Strict",
			"Path=/manager",
		])
			t.true(cookie.split("; ").includes(attribute), cookie);
	},
);

test.serial("a wrong password is refused", async (t) => {
	const answer = await manager.call("login", { password: "wrong" });
	t.is(answer.status, 401);
	t.is(answer.body.error.code, "wrongPassword");
	t.is(answer.headers["set-cookie"], undefined);
});

test.serial(
	"the default password is refused from outside, correct or wrong",
	async (t) => {
		for (const address of ["8.8.8.8", "2001:db8::1", "::ffff:8.8.8.8"])
			for (const password of ["pwd", "wrong"]) {
				const answer = await manager.call("login", { password }, { address });
				t.is(answer.status, 403);
				t.is(answer.body.error.code, "defaultPasswordFromOutside");
			}
	},
);

test.serial(
	"100.64.0.0/10 is inside by a setting, which SSH learns too",
	async (t) => {
		const from = { address: "100.64.0.9" };
		const file = join(
			manager.directory,
			"data/system/manager/shared-address-space-is-inside",
		);
		const cookie = await manager.logIn();
		const logIn = () => manager.call("login", { password: "pwd" }, from);
		t.is((await logIn()).status, 403);
		const set = (isInside: boolean) =>
			manager.call("sharedAddressSpaceChange", { isInside }, { cookie });
		t.is((await set(true)).status, 200);
		t.is((await logIn()).status, 200);
		while (!existsSync(file)) await delay(20); // Written in the background.
		t.is((await set(false)).status, 200);
		t.is((await logIn()).status, 403);
		while (existsSync(file)) await delay(20);
	},
);

test.serial(
	"a forged X-Forwarded-For does not make an address private",
	async (t) => {
		const address = "192.168.0.10, 8.8.8.8"; // The web server appends the client's address.
		const answer = await manager.call(
			"login",
			{ password: "pwd" },
			{ address },
		);
		t.is(answer.body.error.code, "defaultPasswordFromOutside");
	},
);

test.serial(
	"a session with the default password is refused from outside",
	async (t) => {
		const cookie = await manager.logIn("pwd");
		const inside = await manager.call("systemStatus", {}, { cookie });
		t.is(inside.status, 200);
		const outside = await manager.call(
			"systemStatus",
			{},
			{ cookie, address: "8.8.8.8" },
		);
		t.is(outside.status, 401);
	},
);

test.serial("logging out ends the session", async (t) => {
	const cookie = await manager.logIn();
	t.is((await manager.call("logout", {}, { cookie })).status, 200);
	const answer = await manager.call("systemStatus", {}, { cookie });
	t.is(answer.body.error.code, "loginRequired");
});

test.serial(
	"after too many attempts from one address even the correct password is refused",
	async (t) => {
		const from = { address: "192.168.0.66" };
		for (let i = 0; i < freeFailures; i++)
			t.is((await manager.call("login", { password: "no" }, from)).status, 401);
		const answer = await manager.call("login", { password: "pwd" }, from);
		t.is(answer.status, 429);
		t.true(Number(answer.headers["retry-after"]) > 0);
		await t.notThrowsAsync(manager.logIn("pwd", "192.168.0.67"));
	},
);

test.serial("concurrent attempts are limited too", async (t) => {
	const from = { address: "192.168.0.68" };
	const answers = await Promise.all(
		Array.from({ length: 3 * freeFailures }, () =>
			manager.call("login", { password: "no" }, from),
		),
	);
	const tried = answers.filter(({ status }) => status === 401);
	t.is(tried.length, freeFailures);
});

test.serial(
	"a new password must be long enough and not the default password",
	async (t) => {
		const cookie = await manager.logIn();
		for (const newPassword of ["pwd", "short", "x".repeat(257)]) {
			const answer = await manager.call(
				"changePassword",
				{ currentPassword: "pwd", newPassword },
				{ cookie },
			);
			t.is(answer.status, 400);
		}
		const wrong = await manager.call(
			"changePassword",
			{ currentPassword: "wrong", newPassword: "long enough" },
			{ cookie },
		);
		t.is(wrong.status, 401);
	},
);

test.serial(
	"a changed password is valid at once, also from outside, and survives a restart",
	async (t) => {
		const other = await manager.logIn();
		const cookie = await manager.logIn();
		const input = { currentPassword: "pwd", newPassword: "correct horse" };
		const change = await manager.call("changePassword", input, { cookie });
		t.is(change.status, 200);
		for (const ended of [other, cookie])
			t.is(
				(await manager.call("systemStatus", {}, { cookie: ended })).status,
				401,
			);
		await t.throwsAsync(manager.logIn("pwd"), { message: /wrongPassword/ });
		await t.notThrowsAsync(manager.logIn("correct horse", "8.8.8.8"));

		t.is(await manager.stop(), 0);
		await manager.start();
		await t.throwsAsync(manager.logIn("pwd"), { message: /wrongPassword/ });
		const session = await manager.call(
			"session",
			{},
			{
				cookie: await manager.logIn("correct horse"),
			},
		);
		t.deepEqual(session.body, { loggedIn: true, defaultPassword: false });
	},
);

// Writing it again would fail on a full disk.
test.serial("a restart leaves the copy of the password's hash", async (t) => {
	const copy = join(manager.directory, "data/system/manager/password.hash");
	const { ino } = await stat(copy);
	await manager.stop();
	await manager.start();
	await manager.logIn("correct horse");
	t.is((await stat(copy)).ino, ino);
});

test.serial(
	"the login works while PostgreSQL is unavailable, also after a restart",
	async (t) => {
		const copy = join(manager.directory, "data/system/manager/password.hash");
		t.is((await stat(copy)).mode & 0o777, 0o600);
		await manager.cluster.kill();
		const check = async () => {
			await t.throwsAsync(manager.logIn("pwd"), { message: /wrongPassword/ });
			await t.notThrowsAsync(manager.logIn("correct horse"));
		};
		await check();
		await manager.stop();
		await manager.start("the database is not ready, trying again");
		await check();
		const cookie = await manager.logIn("correct horse");
		const input = {
			currentPassword: "correct horse",
			newPassword: "not stored",
		};
		const change = await manager.call("changePassword", input, { cookie });
		t.is(change.status, 503);
		await check();

		await manager.stop();
		await writeFile(copy, "damaged");
		await manager.start("the database is not ready, trying again");
		await t.throwsAsync(manager.logIn("correct horse"), {
			message: /databaseUnavailable/,
		});
		await manager.cluster.start();
		await manager.logged("the database is ready");
		await check();
	},
);

test.serial(
	"a password that is reset in the database is reset without it too",
	async (t) => {
		await manager.query(
			"CREATE TABLE kept AS SELECT * FROM config WHERE name = 'password'",
		);
		await manager.query("DELETE FROM config WHERE name = 'password'");
		await manager.logIn("pwd");
		await manager.cluster.kill();
		await t.notThrowsAsync(manager.logIn("pwd"));
		await manager.cluster.start();
		await manager.query("INSERT INTO config SELECT * FROM kept");
		await manager.query("DROP TABLE kept");
		await t.notThrowsAsync(manager.logIn("correct horse"));
	},
);

test.serial(
	"a password of the provisioning replaces the one in the database, once",
	async (t) => {
		const file = join(
			manager.directory,
			"data/system/manager/provisioned-password",
		);
		const copy = () =>
			readFile(join(dirname(file), "password.hash"), "utf8").then(JSON.parse);
		await manager.query(
			"CREATE TABLE kept AS SELECT * FROM config WHERE name = 'password'",
		);
		await manager.stop();
		// Of "Hello world!".
		await writeFile(
			file,
			"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5\n",
		);
		await manager.cluster.kill();
		await manager.start("the database is not ready, trying again");
		// As long as it cannot be stored.
		await manager.logIn("Hello world!");
		t.true(existsSync(file));
		await manager.cluster.start();
		await manager.logged("the database is ready");
		await t.throwsAsync(manager.logIn("correct horse"), {
			message: /wrongPassword/,
		});
		t.false(existsSync(file));
		t.is((await copy()).hash.algorithm, "crypt");
		const { body } = await manager.call("session");
		t.false(body.defaultPassword);
		// A login replaces the hash.
		await manager.logIn("Hello world!");
		t.is((await copy()).hash.algorithm, "scrypt");
		await manager.stop();
		await manager.start();
		await manager.logIn("Hello world!");
		await manager.stop();
		await manager.query("DELETE FROM config WHERE name = 'password'");
		await manager.query("INSERT INTO config SELECT * FROM kept");
		await manager.query("DROP TABLE kept");
		await manager.start();
		await manager.logIn("correct horse");
	},
);

test.serial(
	"changing all passwords sets the system's first, then the manager's",
	async (t) => {
		const command = join(manager.directory, "set-passwords");
		const given = join(manager.directory, "given");
		await manager.stop();
		await manager.start("the database is ready", {
			MANAGER_SET_PASSWORDS_COMMAND: command,
		});
		const change = async (input: object) =>
			manager.call("changeAllPasswords", input, {
				cookie: await manager.logIn("correct horse"),
			});
		const input = {
			currentPassword: "correct horse",
			newPassword: "for all 3",
		};
		await writeFile(command, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
		t.is((await change(input)).status, 500);
		await writeFile(command, `#!/bin/sh\nexec cat >${given}\n`);
		for (const newPassword of ["with\nlines", "iplinux"])
			t.is((await change({ ...input, newPassword })).status, 400);
		t.is((await change({ ...input, currentPassword: "wrong" })).status, 401);
		t.is((await change(input)).status, 200);
		t.is(await readFile(given, "utf8"), "for all 3\ncorrect horse\n");
		await t.throwsAsync(manager.logIn("correct horse"), {
			message: /wrongPassword/,
		});
		await t.notThrowsAsync(manager.logIn("for all 3"));
		const again = {
			currentPassword: "for all 3",
			newPassword: "correct horse",
			currentSystemPassword: "root's own",
		};
		const cookie = await manager.logIn("for all 3");
		await writeFile(command, `#!/bin/sh\ncat >${given}\nexit 3\n`);
		const refused = await manager.call("changeAllPasswords", again, { cookie });
		t.is(refused.status, 403);
		t.is(refused.body.error.code, "wrongSystemPassword");
		t.is(await readFile(given, "utf8"), "correct horse\nroot's own\n");
		await t.notThrowsAsync(manager.logIn("for all 3"));
	},
);
