/**
 * Stands in the bundle for `@rushstack/ts-command-line`, which umzug loads for a command
 * line that the manager does not have: with all that it needs, over a third of the bundle.
 */
class Unused {
	constructor() {
		throw new Error("The manager has no command line for migrations");
	}
}

export { Unused as CommandLineAction, Unused as CommandLineParser };
