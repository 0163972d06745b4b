import {
	chmod,
	mkdir,
	mkdtemp,
	readdir,
	readFile,
	rm,
	symlink,
	writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "ava";
import {
	assertContents,
	files,
	initScripts,
	libraries,
	requiredCommands,
	setuidCommands,
	users,
} from "./contents.ts";
import { type Target, targets } from "./target.ts";

const gateway = targets.find(({ name }) => name === "arm64") as Target;

const directories: string[] = [];
test.after.always(async () => {
	for (const directory of directories) await rm(directory, { recursive: true });
});

/** Creates a base and an overlay with all required contents, as empty files. */
async function makeLayers(): Promise<{ base: string; overlay: string }> {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-contents-"));
	directories.push(directory);
	const layers = {
		base: join(directory, "base"),
		overlay: join(directory, "over"),
	};
	const write = async (path: string, text = "") => {
		await mkdir(dirname(path), { recursive: true });
		await writeFile(path, text);
	};
	for (const name of requiredCommands(gateway))
		await write(join(layers.base, "usr/bin", name));
	for (const name of setuidCommands)
		await chmod(join(layers.base, "usr/bin", name), 0o4755);
	for (const name of libraries) await write(join(layers.base, "usr/lib", name));
	for (const path of files) await write(join(layers.base, path));
	for (const name of initScripts)
		await write(join(layers.overlay, "etc/init.d", name));
	const lines = Object.entries(users).map(([name, id]) => `${name}:x:${id}:\n`);
	await write(join(layers.overlay, "etc/passwd"), lines.join(""));
	return layers;
}

test("a complete rootfs is accepted", async (t) => {
	const { base, overlay } = await makeLayers();
	await t.notThrowsAsync(assertContents(gateway, [base, overlay]));
});

test("the error names everything that is missing", async (t) => {
	const { base, overlay } = await makeLayers();
	await rm(join(base, "usr/bin/psql"));
	await rm(join(base, "usr/bin/tar"));
	await symlink("nowhere", join(base, "usr/bin/tar"));
	await rm(join(base, "usr/lib/libpq.so.5"));
	await rm(join(overlay, "etc/init.d/S90haproxy"));
	await chmod(join(base, "usr/bin/sudo"), 0o755);
	await writeFile(join(overlay, "etc/passwd"), "root:x:0:\npostgres:x:99:\n");
	const error = await t.throwsAsync(assertContents(gateway, [base, overlay]));
	for (const name of [
		...["psql", "tar", "libpq.so.5", "S90haproxy", "setuid sudo"],
		...["user postgres (70)", "user admin (1000)"],
	])
		t.true(error.message.includes(name), name);
});

test("init scripts of the base's own packages are refused", async (t) => {
	const { base, overlay } = await makeLayers();
	await mkdir(join(base, "etc/init.d"));
	await writeFile(join(base, "etc/init.d/S50dropbear"), "");
	await t.throwsAsync(assertContents(gateway, [base, overlay]), {
		message: /init scripts: S50dropbear/,
	});
});

test("PAM's files do not use @include, which only Debian's PAM supports", async (t) => {
	for (const overlay of ["both", "system"]) {
		const directory = join(import.meta.dirname, "../overlay", overlay);
		const files = join(directory, "etc/pam.d");
		for (const name of await readdir(files))
			t.notRegex(await readFile(join(files, name), "utf8"), /^@/m, name);
	}
});
