import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { $ } from "zx";
import { isOrphan } from "../cleanup.ts";
import { eventually } from "../time.ts";

/** Makes the control group of a machine. */
export async function makeControlGroup(name: string): Promise<string> {
	const group = join(controlGroups(), name);
	await mkdir(group, { recursive: true });
	return group;
}

/** Ends what is in a control group and removes it with those in it. */
export async function removeControlGroup(group: string): Promise<void> {
	await writeFile(join(group, "cgroup.kill"), "1");
	await eventually(
		`the control group ${group} is empty`,
		async () => {
			removeWithThoseIn(group);
			return true;
		},
		{ intervalMs: 20 },
	);
}

/**
 * Removes what a killed test run has left of its machines: the control groups, and loop devices that it had not
 * yet mounted. All else ended with it.
 */
export async function sweepLeftovers(): Promise<void> {
	for (const name of readdirSync(controlGroups()))
		if (isOrphan(name)) await removeControlGroup(join(controlGroups(), name));
	const { stdout } = await $({
		quiet: true,
	})`losetup --list --noheadings --raw --output NAME,BACK-FILE`;
	for (const line of stdout.split("\n")) {
		const [device, file] = line.split(" ");
		if (device && file && isOrphan(basename(dirname(file))))
			await $({ quiet: true, nothrow: true })`losetup --detach ${device}`;
	}
}

/** Where this host has mounted the second version of its control groups. */
function controlGroups(): string {
	const mounts = readFileSync("/proc/self/mounts", "utf8");
	const found = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
	if (!found)
		throw new Error(
			"Containers need control groups of version 2, and nothing in /proc/self/mounts is of the type cgroup2",
		);
	return found;
}

function removeWithThoseIn(group: string): void {
	for (const entry of readdirSync(group, { withFileTypes: true }))
		if (entry.isDirectory()) removeWithThoseIn(join(group, entry.name));
	rmdirSync(group);
}
