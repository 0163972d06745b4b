import test from "ava";
import { litmus, litmusSuites } from "../../testing/litmus.ts";
import { TestAppliance } from "../../testing/test-appliance.ts";

const password = "litmus-password";
const appliance = await TestAppliance.withApp(import.meta.dirname);
test.after.always(() => appliance.remove());

let path = "";
test.before(async () => {
	path = await appliance.createInstance("app-platform_files", "dav", password);
});

for (const suite of litmusSuites)
	test.serial(`litmus passes: ${suite}`, async (t) => {
		const output = await litmus(suite, {
			...{ origin: appliance.origin, path: `${path}dav/`, password },
			directory: appliance.manager.directory,
		});
		t.regex(output, /: of \d+ tests run: \d+ passed, 0 failed/);
		t.notRegex(output, /WARNING|SKIPPED/);
	});
