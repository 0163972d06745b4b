import { Command } from "commander";
import { lockCache } from "../../pipeline/cache.ts";
import { prepareHost } from "../../pipeline/host.ts";
import { targets } from "../target.ts";
import { type BuildrootOptions, buildrootOptions } from "./options.ts";
import { BuildrootOutput } from "./output.ts";

/** Our goal for Buildroot's check, which its makefile has only for a Git checkout. */
const CVE_CHECK = "cve-check";

/** `npm run buildroot -- x86_64 legal-info`: Buildroot's own goals, configured as the build has it. */
const command: Command = new Command("npm run buildroot --")
	.description(
		`Calls Buildroot's make for a target, in the folder in which npm run build -- --base buildroot works.

Useful goals: show-info (all packages, as JSON), legal-info (licences and sources), source (downloads
everything), menuconfig, <package>-reconfigure. The goal ${CVE_CHECK} lists known vulnerabilities.`,
	)
	.argument("<target>", targets.map(({ name }) => name).join(", "))
	.argument(
		"[goals...]",
		"what to make; without: only checks the configuration",
	)
	.option("--offline", "no network", false)
	.showHelpAfterError("(--help shows what there is)");
for (const option of buildrootOptions()) command.addOption(option);
command.parse();

const [name, ...goals] = command.args;
const target = targets.find((one) => one.name === name);
if (!target)
	command.error(
		`there is no target ${name}; there are: ${targets.map((one) => one.name).join(", ")}`,
	);
try {
	const options = command.opts<BuildrootOptions>();
	const isCheck = goals.includes(CVE_CHECK);
	prepareHost(["buildroot"], {
		// Python's distutils, which newer ones have no more.
		packages: isCheck ? ["python3-setuptools"] : [],
		offline: options.offline,
	});
	await lockCache(() =>
		console.error("Waiting for a build that uses the same cache"),
	);
	const output = await BuildrootOutput.open(target, options);
	if (goals.length === 0) {
		await output.configure();
		console.log(
			`Buildroot's configuration takes all options: ${output.folder}`,
		);
	} else if (isCheck)
		console.log(`The report: ${await output.checkVulnerabilities()}`);
	else process.exitCode = await output.makeAtTerminal(goals);
} catch (error) {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
}
