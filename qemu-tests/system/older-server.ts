import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { $ } from "zx";

const quiet = $({ quiet: true });

/**
 * The PostgreSQL server of this machine, as an archive (tar.xz) for a guest that has these
 * libraries: those that it lacks come with it.
 * @throws Error where this machine has another version.
 */
export async function olderServer(
	major: string,
	librariesOfGuest: readonly string[],
): Promise<Buffer> {
	const programs = `/usr/lib/postgresql/${major}`;
	if (!existsSync(programs))
		throw new Error(
			`This machine has no PostgreSQL ${major}, with which databases are made that are to be upgraded: apt-get install postgresql-${major}`,
		);
	const { stdout } =
		await quiet`ldd ${programs}/bin/postgres ${programs}/bin/initdb ${programs}/bin/pg_ctl`;
	const libraries = new Set(
		[...stdout.matchAll(/=> (\/\S+)/g)].map(([, path]) => path as string),
	);
	const missing = [...libraries].filter(
		(path) => !librariesOfGuest.includes(basename(path)),
	);
	const folder = await mkdtemp(join(tmpdir(), "app-platform-server-"));
	try {
		const archive = join(folder, "server.tar.xz");
		const parts = [programs, `/usr/share/postgresql/${major}`, ...missing].map(
			(path) => path.slice(1),
		);
		const leftOut = ["bitcode", "llvmjit*", "man"].map(
			(name) => `--exclude=${name}`,
		);
		// Links are followed: a library has the name that programs ask for.
		await quiet`tar -cJh -C / --transform s,^lib/,usr/lib/, ${leftOut} -f ${archive} ${parts}`;
		return await readFile(archive);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
