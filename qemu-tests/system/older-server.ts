import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { $ } from "zx";

const quiet = $({ quiet: true });

/**
 * Packs the PostgreSQL server of this host as an archive (tar.xz), with the libraries that the guest lacks.
 * @throws Error when this host does not have the version.
 */
export async function olderServer(
	major: string,
	librariesOfGuest: readonly string[],
): Promise<Buffer> {
	const programs = `/usr/lib/postgresql/${major}`;
	if (!existsSync(programs))
		throw new Error(
			`This host has no PostgreSQL ${major}, which creates the databases to upgrade: apt-get install postgresql-${major}`,
		);
	const { stdout } =
		await quiet`ldd ${programs}/bin/postgres ${programs}/bin/initdb ${programs}/bin/pg_ctl`;
	const libraries = new Set(
		[...stdout.matchAll(/=> (\/\S+)/g)].map(([, path]) => path as string),
	);
	const missing = [...libraries].filter(
		(path) => !librariesOfGuest.includes(basename(path)),
	);
	const directory = await mkdtemp(join(tmpdir(), "app-platform-server-"));
	try {
		const archive = join(directory, "server.tar.xz");
		const parts = [programs, `/usr/share/postgresql/${major}`, ...missing].map(
			(path) => path.slice(1),
		);
		const excluded = ["bitcode", "llvmjit*", "man"].map(
			(name) => `--exclude=${name}`,
		);
		// -h follows links, so that each library has the name that programs load.
		await quiet`tar -cJh -C / --transform s,^lib/,usr/lib/, ${excluded} -f ${archive} ${parts}`;
		return await readFile(archive);
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
}
