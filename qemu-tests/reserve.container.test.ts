import test from "ava";
import {
	builtUpdate,
	type Console,
	eventually,
	timeLimit,
} from "./machine/index.ts";
import {
	livedInContainer,
	livedInState,
	ownLogins,
	without,
} from "./system/lived-in/index.ts";
import { notesPath, openNotes } from "./system/notes.ts";
import {
	loginPage,
	managerPassword,
	managerSession,
	outputOf,
	post,
	rootBySsh,
} from "./system/steps.ts";
import { uploadUpdate } from "./system/update.ts";

// Follows the public text "App Platform/Apps app not online anymore due to full disk" word for word.
const minute = 60_000;
const { machine, before } = livedInContainer(test, "reserve");
const reserve = "/mnt/sda2/empty_if_no_space";
const megabytes = 500;
let root: Console;

test.serial("500 MB are reserved on the disk", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
	await waitForReserve();
	const allocated = await outputOf(machine.console, `du -k ${reserve}`);
	t.true(Number.parseInt(allocated, 10) >= (megabytes * 1_000_000) / 1024);
});

test.serial("a full disk refuses an upload with the reason", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await outputOf(
		machine.console,
		// In PostgreSQL's group, for which the last blocks are reserved: on a machine, root may use them too.
		`cd /var/log/apps/left-over
		fallocate -l "$(df -kP /mnt/sda2 | awk 'END { print $4 }')K" @4000000065000098.s
		! setpriv --regid postgres --clear-groups dd if=/dev/zero of=@4000000065000099.s bs=64k 2>/dev/null`,
		{ timeoutMs: 2 * minute },
	);
	// Nothing has been uploaded before, so the upload directory is missing too.
	await t.throwsAsync(uploadUpdate(machine, builtUpdate("out")), {
		message: /make room on \/mnt\/sda2/,
	});
});

test.serial("a full disk keeps PostgreSQL from starting", async (t) => {
	t.timeout(timeLimit(5 * minute));
	// One that runs reuses the blocks of its own files.
	await outputOf(
		machine.console,
		`sv -w 60 down /run/service/postgresql
		cd /var/log/apps/left-over
		! setpriv --regid postgres --clear-groups dd if=/dev/zero of=@4000000065000097.s bs=4k 2>/dev/null
		sv up /run/service/postgresql`,
		{ timeoutMs: 2 * minute },
	);
	// runit keeps restarting it; each process ends at once.
	await outputOf(
		machine.console,
		`seen= count=0
		until [ $count = 4 ]; do
			pid=$(cat /run/service/postgresql/supervise/pid)
			case " $seen " in
			*" $pid "*) sleep 0.01 ;;
			*) seen="$seen $pid" count=$((count + 1)) ;;
			esac
		done`,
	);
	t.not((await machine.console.run("psql -c 'SELECT 1'")).exitCode, 0);
});

test.serial(
	"the manager's login works on a full disk without PostgreSQL",
	async (t) => {
		t.timeout(timeLimit(5 * minute));
		const logIn = async (password: string) => {
			const body = JSON.stringify({ password });
			return (await post(machine, "login", { body })).status;
		};
		t.is(await logIn(ownLogins.manager), 200);
		await outputOf(machine.console, "/etc/init.d/S92manager restart", {
			timeoutMs: 3 * minute,
		});
		await loginPage(machine);
		t.is(await logIn(ownLogins.manager), 200);
		t.is(await logIn(managerPassword), 401);
	},
);

test.serial("df shows that the disk is full", async (t) => {
	({ terminal: root } = await rootBySsh(machine));
	t.regex(await outputOf(root, "df -h"), / 100% .*\/mnt\/sda2/);
});

for (const command of [
	"/etc/init.d/S92manager stop",
	`echo "" > ${reserve}`,
	"rm /var/log/apps/*/*",
	"rm /var/log/core_dumps/*/*",
	"/etc/init.d/S50postgresql restart",
	"/etc/init.d/S92manager restart",
])
	test.serial(`succeeds at the first attempt: ${command}`, async (t) => {
		t.timeout(timeLimit(6 * minute));
		const { exitCode, output } = await root.run(command, {
			timeoutMs: 5 * minute,
		});
		t.is(exitCode, 0, output);
	});

test.serial("everything is online again", async (t) => {
	t.timeout(timeLimit(6 * minute));
	await loginPage(machine);
	const found = await livedInState(machine, "logs");
	const changed = ["logs", "homeFiles"] as const;
	t.deepEqual(without(found, ...changed), without(before(), ...changed));
	const isCoreDump = (file: string) => file.includes(" log/core_dumps/");
	t.deepEqual(
		found.homeFiles,
		(before().homeFiles as string[]).filter((file) => !isCoreDump(file)),
	);
});

test.serial("logs are written again", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const call = await managerSession(machine);
	const { socket } = await openNotes(machine, notesPath("example.org"));
	socket.terminate();
	const { text } = await eventually(
		"the log of the notes is there",
		async () => {
			const answer = (await call("serviceLog", {
				id: "app-platform_notes",
			})) as { text: string };
			return /somebody has opened the notes/.test(answer.text)
				? answer
				: undefined;
		},
		{ timeoutMs: 90_000 },
	);
	t.regex(text, /notes@example\.org/);
	await outputOf(root, "test -s /var/log/apps/manager/current");
});

test.serial("an emptied reserve is not recreated", async (t) => {
	await waitForReserveCheck("restart");
	t.is((await outputOf(machine.console, `cat ${reserve}`)).trim(), "");
});

test.serial(
	"a deleted reserve is recreated when the manager restarts",
	async (t) => {
		await outputOf(root, `rm ${reserve}`);
		await outputOf(root, "/etc/init.d/S92manager restart", {
			timeoutMs: 3 * minute,
		});
		await waitForReserve();
		t.pass();
	},
);

test.serial("the manager runs without room for the reserve", async (t) => {
	await outputOf(
		machine.console,
		`/etc/init.d/S92manager stop; rm ${reserve};
		free=$(df -k /mnt/sda2 | awk 'END { print $4 }');
		fallocate -l $((free - 300000))K /mnt/sda2/filler`,
	);
	await waitForReserveCheck("start");
	t.not((await machine.console.run(`ls ${reserve}`)).exitCode, 0);
	await outputOf(machine.console, "rm /mnt/sda2/filler");
});

async function waitForReserve(): Promise<void> {
	await eventually("the reserve is there", async () => {
		const { exitCode } = await machine.console.run(`test -e ${reserve}`);
		return exitCode === 0 || undefined;
	});
}

/** Waits for the manager's check of the reserve, which it does and logs once at its start. */
async function waitForReserveCheck(action: "start" | "restart"): Promise<void> {
	const before = await countReserveChecks();
	await outputOf(machine.console, `/etc/init.d/S92manager ${action}`);
	await eventually("the manager has checked the reserve", async () => {
		return (await countReserveChecks()) > before || undefined;
	});
}

async function countReserveChecks(): Promise<number> {
	const count = `cat /var/log/apps/manager/* | grep -c '"disk reserve"'`;
	return Number((await machine.console.run(count)).output);
}
