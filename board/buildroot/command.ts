import { Command } from "commander";
import { lockCache } from "../../pipeline/cache.ts";
import { prepareHost } from "../../pipeline/host.ts";
import { targets } from "../target.ts";
import { type BuildrootOptions, buildrootOptions } from "./options.ts";
import { BuildrootOutput } from "./output.ts";

/** Our goal for Buildroot's CVE check: its makefile supports that only in a Git checkout. */
const CVE_CHECK = "cve-check";

/** `npm run buildroot -- x86_64 legal-info`: makes Buildroot's goals with the build's configuration. */
const command: Command = new Command("npm run buildroot --")
	.description(
		`Calls Buildroot's make for a target, in the directory that npm run build -- --base buildroot uses.

Useful goals: show-info (all packages, as JSON), legal-info (licences and sources), source (downloads
everything), menuconfig, <package>-reconfigure. The goal ${CVE_CHECK} lists known vulnerabilities.`,
	)
	.argument("<target>", targets.map(({ name }) => name).join(", "))
	.argument(
		"[goals...]",
		"goals to make (default: only check the configuration)",
	)
	.option("--offline", "no network", false)
	.showHelpAfterError("(--help lists all options)");
for (const option of buildrootOptions()) command.addOption(option);
command.parse();

const [name, ...goals] = command.args;
const target = targets.find((one) => one.name === name);
if (!target)
	command.error(
		`unknown target ${name}; targets: ${targets.map((one) => one.name).join(", ")}`,
	);
try {
	const options = command.opts<BuildrootOptions>();
	const isCheck = goals.includes(CVE_CHECK);
	prepareHost(["buildroot"], {
		// Provides distutils, which newer Python versions lack.
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
			`Buildroot's configuration has all options: ${output.directory}`,
		);
	} else if (isCheck)
		console.log(`Report: ${await output.checkVulnerabilities()}`);
	else process.exitCode = await output.makeAtTerminal(goals);
} catch (error) {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
}
