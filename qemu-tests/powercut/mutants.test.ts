import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { mutated } from "./mutant.ts";
import { mutants, mutantsOfUpdate } from "./mutants.ts";

const project = join(import.meta.dirname, "../..");

// The long test needs a built image and minutes to tell.
for (const mutant of [...mutants, ...mutantsOfUpdate])
	test(`there is a place for ${mutant.name}`, (t) => {
		const path = ["initramfs/root", "rootfs-overlay"]
			.map((folder) => join(project, folder, mutant.script))
			.find((path) => existsSync(path));
		t.truthy(path);
		const text = readFileSync(path ?? "", "utf8");
		t.not(mutated(text, mutant), text);
	});
