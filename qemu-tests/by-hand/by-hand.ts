import { existsSync, statSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "../machine/index.ts";
import { copyOf, type DiskFile } from "../machine/index.ts";
import { logins, managerPassword } from "../system/steps.ts";

// What `npm run vm` and `npm run container` have in common.

/** Returns a machine's addresses on this host and the default passwords. */
export function loginHelp(machine: Machine): string {
	const [admin, password] = logins.admin;
	const [root, rootPassword] = logins.root;
	return `
  ${machine.url("manager")}/manager/   password: ${managerPassword}
  Its apps are on port ${machine.port(443)} of 127.0.0.1.
  ssh -p ${machine.port(22)} ${admin}@127.0.0.1   password: ${password}
  On the console: ${root}, password: ${rootPassword}. These are the default passwords.
`;
}

/** Copies a disk once, atomically, and returns that copy from then on. @param reset replaces the copy. */
export async function persistentDisk(
	base: () => Promise<DiskFile>,
	directory: string,
	{ reset = false }: { reset?: boolean | undefined },
): Promise<DiskFile> {
	const { format, path: original } = await base();
	const kept: DiskFile = { path: join(directory, `disk.${format}`), format };
	await mkdir(directory, { recursive: true });
	if (reset) await rm(kept.path, { force: true });
	if (!existsSync(kept.path)) {
		const copy = await copyOf(base)(directory, "copy");
		await rename(copy.path, kept.path);
	} else if (statSync(original).mtimeMs > statSync(kept.path).birthtimeMs)
		console.log("The disk is older than the image. Use --reset for a new one.");
	return kept;
}
