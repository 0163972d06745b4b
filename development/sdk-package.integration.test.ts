import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "ava";
import { TestAppliance } from "../testing/test-appliance.ts";

// An app outside of the project, with the SDK as npm would install it.
const project = dirname(import.meta.dirname);
const directory = mkdtempSync(join(tmpdir(), "app-platform-sdk-"));
const packages = join(directory, "node_modules");
const sdk = join(packages, "app-platform-sdk");
let appliance: TestAppliance | undefined;
test.after.always(async () => {
	await appliance?.remove();
	await rm(directory, { recursive: true, force: true });
});

const description = {
	...{ id: "visitors", folder: "visitors", binary: "visitors" },
	...{ title: "Visitors", description: "Counts them", manufacturer: "Example" },
	...{ build: 1, label: "1.0" },
};
const compilerOptions = {
	...{ strict: true, noEmit: true, types: ["node"] },
	...{ module: "NodeNext", target: "ES2023" },
	typeRoots: [join(project, "node_modules/@types")],
};

test.serial("builds the package, with its dependencies", async (t) => {
	const run = ["--import=tsx", "development/sdk-package.ts", sdk];
	execFileSync(process.execPath, run, { cwd: project });
	const { dependencies: ours, devDependencies } = json(project);
	for (const [name, range] of Object.entries<string>(json(sdk).dependencies)) {
		t.is(range, ours[name] ?? devDependencies[name], name);
		const link = join(packages, name);
		await mkdir(dirname(link), { recursive: true });
		await symlink(join(project, "node_modules", name), link);
	}
});

test.serial("an app compiles with the types of the package", async (t) => {
	const readme = readFileSync(join(sdk, "README.md"), "utf8");
	const [, example = ""] = /```ts\n(.*?)```/s.exec(readme) ?? [];
	await writeFile(join(directory, "main.ts"), example);
	await mkdir(join(directory, "web"));
	await writeFile(join(directory, "web/index.html"), "<h1>Visitors</h1>");
	for (const [name, content] of Object.entries({
		"package.json": { type: "module" },
		"app.json": description,
		"tsconfig.json": { compilerOptions, files: ["main.ts"] },
	}))
		await writeFile(join(directory, name), JSON.stringify(content));
	const compile = ["tsc", "--project", directory];
	t.notThrows(() => execFileSync("npx", compile, { cwd: project }));
});

test.serial("an app with it runs from a store", async (t) => {
	appliance = await TestAppliance.withApp(directory);
	const path = await appliance.createInstance("visitors", "door", "password");
	await appliance.waitForStatus(path);
	for (const count of [1, 2]) {
		const { text } = await appliance.fetch(`${path}count`);
		t.is(text, `You are visitor ${count}`);
	}
	t.is((await appliance.fetch(path)).text, "<h1>Visitors</h1>");
});

function json(directory: string) {
	return JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
}
