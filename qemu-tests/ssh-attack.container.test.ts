import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { logins, outputOf } from "./system/steps.ts";

const machine = runningContainer(test, "ssh-attack");
const guard = "nft list table inet default_passwords";

/** Runs a command as root on the console. */
const root = (command: string) => outputOf(machine.console, command);

/** Holds connections to SSH open that never log in, as an app can. */
const holdConnections = (sources: number, each: number) => `
const { connect } = require("node:net");
for (let n = 0; n < ${sources}; n += 1)
	for (let i = 0; i < ${each}; i += 1)
		connect({ host: "127.0.0.1", port: 22, localAddress: "127.0.1." + (n + 1) })
			.on("error", () => {});
setTimeout(() => process.exit(), 600_000);`;

test.serial("root logs in on the console", async (t) => {
	await machine.console.login(...logins.root);
	t.pass();
});

test.serial(
	"an app that holds pending logins does not keep out admin",
	async (t) => {
		await root(
			`cat >/tmp/hold.js <<'END'\n${holdConnections(20, 5)}\nEND\n(node /tmp/hold.js >/dev/null 2>&1 &)`,
		);
		await eventually("the attack is under way", async () => {
			const pending = await root("pidof dropbear | wc -w");
			return Number(pending) > 15 || undefined;
		});
		for (let n = 0; n < 3; n += 1) (await machine.ssh(...logins.admin)).close();
		t.true(Number(await root("pidof dropbear | wc -w")) <= 32);
		await root("pkill -f /tmp/hold.js");
	},
);

test.serial(
	"wrong passwords slow down their source, and it gets in later",
	async (t) => {
		for (let n = 0; n < 5; n += 1)
			await t.throwsAsync(machine.ssh("admin", `guess ${n}`), {
				message: /authentication methods failed/i,
			});
		t.regex(await root("nft list table inet ssh_limit"), /10\.0\.2\.2/);
		await eventually("admin gets in", async () => {
			(await machine.ssh(...logins.admin)).close();
			return true;
		});
	},
);

test.serial(
	"while a default password works, own IPv6 networks are inside",
	async (t) => {
		await root("ip address add 2001:db8:1:2::5/64 dev eth0");
		await eventually("the network is inside", async () => {
			const found = await root(guard);
			return /2001:db8:1:2::/.test(found) || undefined;
		});
		await root("ip address delete 2001:db8:1:2::5/64 dev eth0");
		t.notRegex(await root(guard), /100\.64\.0\.0/);
		await root(
			"mkdir -p /mnt/sda2/system/manager; touch /mnt/sda2/system/manager/shared-address-space-is-inside",
		);
		await eventually("100.64.0.0/10 is inside", async () => {
			const found = await root(guard);
			return /100\.64\.0\.0\/10/.test(found) || undefined;
		});
		await root("rm /mnt/sda2/system/manager/shared-address-space-is-inside");
	},
);

const isGuarded = async () => (await machine.console.run(guard)).exitCode === 0;

test.serial(
	"setting a default password again closes SSH to the internet again",
	async (t) => {
		t.timeout(timeLimit(300_000));
		const set = (user: string, password: string) =>
			root(`echo ${user}:${password} | chpasswd`);
		t.true(await isGuarded());
		await set("admin", "changed-1");
		t.true(await isGuarded());
		await set("root", "changed-2");
		t.false(await isGuarded());
		// In this order: the hash differs from the one that the image has.
		for (const [user, password] of [
			["admin", "ipapps"],
			["root", "iplinux"],
			["admin", "iplinux"],
		] as const) {
			await set(user, password);
			t.true(await isGuarded(), `${user} ${password}`);
			await set(user, "changed-3");
			t.false(await isGuarded());
		}
		// passwd and other hashes are noticed within ten seconds.
		for (const algorithm of ["sha512", "sha256", "md5"]) {
			await root(
				`printf 'ipapps\\nipapps\\n' | passwd -a ${algorithm} admin >/dev/null 2>&1`,
			);
			await eventually(`${algorithm} is recognized`, async () =>
				(await isGuarded()) ? true : undefined,
			);
			await set("admin", "changed-4");
			t.false(await isGuarded());
		}
	},
);
