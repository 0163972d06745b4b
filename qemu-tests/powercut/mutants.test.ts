import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { mutated } from "./mutant.ts";
import { mutants, updateMutants } from "./mutants.ts";

const project = join(import.meta.dirname, "../..");

// The long test needs a built image and takes minutes.
for (const mutant of [...mutants, ...updateMutants])
	test(`the script has the original text for ${mutant.name}`, (t) => {
		const path = ["rescue", "both", "system"]
			.map((directory) => join(project, "overlay", directory, mutant.script))
			.find((path) => existsSync(path));
		t.truthy(path);
		const text = readFileSync(path ?? "", "utf8");
		t.not(mutated(text, mutant), text);
	});
