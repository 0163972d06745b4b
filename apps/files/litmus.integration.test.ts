import test from "ava";
import { litmus, litmusSuites } from "../../manager/testing/litmus.ts";
import { TestAppliance } from "../../manager/testing/test-appliance.ts";

const password = "litmus-password";
const appliance = await TestAppliance.withApp(import.meta.dirname);
test.after.always(() => appliance.remove());

let path = "";
test.before(async () => {
	path = await appliance.createInstance("app-platform_files", "dav", password);
});

for (const suite of litmusSuites)
	test.serial(`litmus finds nothing wrong: ${suite}`, async (t) => {
		const said = await litmus(suite, {
			...{ origin: appliance.origin, path: `${path}dav/`, password },
			folder: appliance.manager.directory,
		});
		t.regex(said, /: of \d+ tests run: \d+ passed, 0 failed/);
		t.notRegex(said, /WARNING|SKIPPED/);
	});
