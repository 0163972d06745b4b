import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { glob } from "zx";
import { rootfsTree } from "../../board/base.ts";
import { debianBase } from "../../board/debian/base.ts";
import { targets } from "../../board/target.ts";
import { runStage } from "../../pipeline/stage.ts";

/**
 * Returns the HAProxy of the image for this architecture, run by the image's loader with the image's libraries: OpenSSL's
 * version accounts for a third of an idle connection's memory.
 * @returns the program and its first arguments.
 * @throws Error when there is no image for this machine's architecture.
 */
export async function imageHaproxy(): Promise<readonly [string, ...string[]]> {
	const architecture = spawnSync("dpkg", ["--print-architecture"])
		.stdout.toString()
		.trim();
	const target = targets.find(
		({ debianArchitecture }) => debianArchitecture === architecture,
	);
	if (!target) throw new Error(`there is no image for ${architecture}`);
	const base = await debianBase(target, { offline: true });
	const stage = await runStage(base.rootfs, { useCache: true, report() {} });
	const tree = rootfsTree(stage);
	const libraries = join(tree, "usr/lib", target.gnuTriplet);
	const [loader] = await glob("ld-linux*.so*", { cwd: libraries });
	if (!loader) throw new Error(`no loader in ${libraries}`);
	return [
		join(libraries, loader),
		...["--library-path", libraries, join(tree, "usr/sbin/haproxy")],
	];
}
