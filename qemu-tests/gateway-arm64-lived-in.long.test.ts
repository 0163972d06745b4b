import test from "ava";
import { builtUpdate, timeLimit } from "./machine/index.ts";
import {
	livedInMachine,
	livedInState,
	ownLogins,
} from "./system/lived-in/index.ts";
import { loginPage } from "./system/steps.ts";
import {
	installUpdate,
	runningBuild,
	updateResult,
	uploadUpdate,
	waitForRescueInstall,
} from "./system/update.ts";

// Updates a lived-in gateway with 256 MB. The update has the same build as the image, which makes no difference for what
// an update does to the disk.
const minute = 60_000;
const { machine, before } = livedInMachine(test, {
	name: "gateway-arm64-lived-in",
	target: "arm64",
});

test.serial("an update keeps the owner's state", async (t) => {
	t.timeout(timeLimit(40 * minute));
	await machine.boot();
	await loginPage(machine, { timeoutMs: 12 * minute });
	await machine.console.login(...ownLogins.root);
	const build = await runningBuild(machine.console);
	await uploadUpdate(machine, builtUpdate("out", "arm64"));
	await installUpdate(machine, { allowOlder: true });
	await waitForRescueInstall(machine);
	await machine.console.expect("on trial (1 of 3)", { timeoutMs: 5 * minute });
	await loginPage(machine, { timeoutMs: 12 * minute });
	await updateResult(machine, build, "installed");
	t.deepEqual(await livedInState(machine), before());
});
