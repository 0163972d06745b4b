import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { $ } from "zx";
import { isOrphan } from "../cleanup.ts";
import { eventually } from "../time.ts";

/** Creates the control group of a machine. */
export async function makeControlGroup(name: string): Promise<string> {
	const group = join(controlGroups(), name);
	await mkdir(group, { recursive: true });
	return group;
}

/** Kills the processes in a control group and removes it with its children. */
export async function removeControlGroup(group: string): Promise<void> {
	await writeFile(join(group, "cgroup.kill"), "1");
	await eventually(
		`the control group ${group} is empty`,
		async () => {
			removeGroupTree(group);
			return true;
		},
		{ intervalMs: 20 },
	);
}

/**
 * Removes what a killed test run left behind: control groups, and loop devices that were not mounted yet. Everything
 * else ended with it.
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

/** Returns where this host has mounted its control groups (version 2). */
function controlGroups(): string {
	const mounts = readFileSync("/proc/self/mounts", "utf8");
	const found = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
	if (!found)
		throw new Error(
			"Containers need control groups of version 2: /proc/self/mounts has no mount of type cgroup2",
		);
	return found;
}

function removeGroupTree(group: string): void {
	for (const entry of readdirSync(group, { withFileTypes: true }))
		if (entry.isDirectory()) removeGroupTree(join(group, entry.name));
	rmdirSync(group);
}
