import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { targets } from "../target.ts";
import {
	assertNoDroppedSymbols,
	defconfigPath,
	namedSymbols,
	releaseSymbols,
	treeDirectory,
	wantedOptions,
} from "./configuration.ts";

const read = (...path: string[]) =>
	readFile(join(treeDirectory, ...path), "utf8");

const packageFiles = (
	await readdir(join(treeDirectory, "package"), {
		recursive: true,
	})
).filter((path) => /\.mk$|Config\.in$/.test(path));

for (const path of [
	"Config.in",
	"external.mk",
	...targets.map(({ name }) => `configs/app_platform_${name}_defconfig`),
	...packageFiles.map((name) => `package/${name}`),
])
	test(`${path} uses only symbols of Buildroot's release`, async (t) => {
		const known = await releaseSymbols();
		const unknown = namedSymbols(await read(path)).filter(
			(name) => !known.has(name),
		);
		t.deepEqual(unknown, []);
	});

test("the release's symbols do not include those that Buildroot removed", async (t) => {
	const known = await releaseSymbols();
	t.true(known.has("BR2_PACKAGE_HAPROXY"));
	t.false(known.has("BR2_PACKAGE_PYTHON"));
	t.deepEqual(namedSymbols("BR2_HAPROXI=y\nBR2_APP_PLATFORM=y"), [
		"BR2_HAPROXI",
	]);
});

test("the defconfigs have the same common part", async (t) => {
	const parts = await Promise.all(
		targets.map(async ({ name }) => {
			const text = await readFile(defconfigPath(name), "utf8");
			return text.split("# The same for all targets.\n")[1];
		}),
	);
	t.truthy(parts[0]);
	t.is(new Set(parts).size, 1);
});

const configIn = `config BR2_APP_PLATFORM
	bool "text"
	select BR2_PACKAGE_A
	select BR2_PACKAGE_B if BR2_x86_64 # why
	help
	  select BR2_PACKAGE_C
`;

test("the wanted options are the defconfig's last line for each and the selected ones", (t) => {
	const wanted = wantedOptions(
		'# text\nBR2_x86_64=y\nBR2_S="a"\nBR2_T=y\nBR2_S="b"\n# BR2_T is not set\n',
		configIn,
	);
	t.deepEqual(
		[...wanted.values()].sort(),
		[
			'BR2_S="b"',
			"# BR2_T is not set",
			"BR2_x86_64=y",
			"BR2_PACKAGE_A=y",
			"BR2_PACKAGE_B=y",
		].sort(),
	);
	t.false(wantedOptions("BR2_arm=y", configIn).has("BR2_PACKAGE_B"));
});

test("a configuration with all options is accepted", (t) => {
	const wanted = wantedOptions("BR2_x86_64=y\n# BR2_T is not set", configIn);
	t.notThrows(() =>
		assertNoDroppedSymbols(
			wanted,
			"\nBR2_x86_64=y\nBR2_PACKAGE_A=y\nBR2_PACKAGE_B=y\n",
		),
	);
});

test("the error names options that were dropped, left enabled or forced", (t) => {
	const wanted = wantedOptions("BR2_x86_64=y\n# BR2_T is not set", configIn);
	const error = t.throws(() =>
		assertNoDroppedSymbols(
			wanted,
			"\nBR2_x86_64=y\nBR2_PACKAGE_A=y\nBR2_T=y\n",
			"\nWARNING: unmet direct dependencies detected for BR2_PACKAGE_A\n  Depends on [n]: BR2_USE_WCHAR [=n]\n",
		),
	);
	for (const name of [
		"BR2_PACKAGE_B=y",
		"# BR2_T is not set",
		"BR2_PACKAGE_A (",
	])
		t.true(error.message.includes(name), name);
});

test("the users table matches the rootfs", async (t) => {
	const overlay = join(treeDirectory, "../../overlay/both/etc");
	const idsOf = async (name: string) =>
		(await readFile(join(overlay, name), "utf8"))
			.trim()
			.split("\n")
			.map((line) => line.split(":"))
			.map(([own, , id]) => `${own} ${id}`);
	const rows = (await read("users.txt"))
		.split("\n")
		.filter((line) => /^[^#]/.test(line))
		.map((line) => line.split(" "));
	const users = rows.map(([user, uid]) => `${user} ${uid}`);
	const groups = rows.map(([, , group, gid]) => `${group} ${gid}`);
	for (const user of users)
		t.true(user === "- -" || (await idsOf("passwd")).includes(user), user);
	for (const group of groups)
		t.true((await idsOf("group")).includes(group), group);
	// Buildroot itself defines the others.
	for (const name of ["postgres 70", "haproxy 71", "_chrony 72", "admin 1000"])
		t.true(users.includes(name), name);
});
