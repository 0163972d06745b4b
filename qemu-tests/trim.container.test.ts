import { stat } from "node:fs/promises";
import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { logins, outputOf } from "./system/steps.ts";

// A thin disk becomes small again. Costs a start of a container and some ten seconds.
const machine = runningContainer(test, "trim");
/** The service with an hour of a second. */
const hurried = "sed 's/^HOUR=.*/HOUR=1/' /etc/sv/trim/run >/tmp/trim";
const megabyte = 1e6;

/** What the host has stored of the disk. */
async function storedBytes(): Promise<number> {
	const [disk] = await machine.disks();
	return (await stat(String(disk?.path))).blocks * 512;
}

test.serial("blocks are returned after much was deleted", async (t) => {
	t.timeout(timeLimit(5 * 60_000));
	const { console } = machine;
	await console.login(...logins.root);
	const start = await storedBytes();
	await outputOf(
		console,
		`dd if=/dev/urandom of=/mnt/sda2/large bs=1M count=1200 2>/dev/null && sync`,
		{ timeoutMs: 60_000 },
	);
	t.true((await storedBytes()) - start > 1200 * megabyte);
	// Not due for a week.
	await outputOf(
		console,
		`${hurried}; touch /mnt/sda2/system/trimmed; sv stop trim; setsid sh /tmp/trim >/tmp/trim.log & sleep 3; cat /tmp/trim.log`,
	);
	await outputOf(console, "rm /mnt/sda2/large && sync");
	await eventually("the blocks are free", async () =>
		(await storedBytes()) - start < 200 * megabyte ? true : undefined,
	);
});

test.serial("once a week, too", async (t) => {
	const { console } = machine;
	const trims = async () =>
		(await outputOf(console, "cat /tmp/trim.log")).match(/\/mnt\/sda2: /g)
			?.length ?? 0;
	// The mark has the time of its end, in whole seconds.
	await eventually("the first trim has ended", async () => {
		const { exitCode } = await console.run(
			"[ $(stat -c %Y /mnt/sda2/system/trimmed) -ge $(stat -c %Y /tmp/trim.log) ]",
		);
		return exitCode === 0 || undefined;
	});
	const before = await trims();
	t.is(before, 1);
	await outputOf(console, "touch -d @0 /mnt/sda2/system/trimmed");
	await eventually("it was trimmed", async () =>
		(await trims()) > before ? true : undefined,
	);
	t.is(await trims(), 2);
});
