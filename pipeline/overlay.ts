import { chmod, cp, readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { permissions } from "../board/permissions.ts";

/**
 * Copies overlay files. Modes are those that git keeps, whatever the umask of the checkout,
 * or those in the table of permissions.
 */
export async function copyOverlay(from: string, to: string): Promise<void> {
	await cp(from, to, { recursive: true, verbatimSymlinks: true });
	await chmod(to, 0o755);
	for (const entry of await readdir(from, {
		recursive: true,
		withFileTypes: true,
	})) {
		const path = relative(from, join(entry.parentPath, entry.name));
		if (entry.isSymbolicLink()) continue;
		const { mode } = await stat(join(from, path));
		const isOpen = entry.isDirectory() || (mode & 0o100) !== 0;
		await chmod(join(to, path), permissions[path] ?? (isOpen ? 0o755 : 0o644));
	}
}
