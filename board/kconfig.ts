/** A line that sets an option, or turns it off as Kconfig itself writes that. */
const OPTION = /^(\w+)=|^# (\w+) is not set$/;

/** The lines of a fragment by option: of two for the same option the later wins, as in Kconfig. */
export function optionsOf(fragment: string): Map<string, string> {
	const options = new Map<string, string>();
	for (const line of fragment.split("\n")) {
		const [, set, off] = OPTION.exec(line) ?? [];
		const name = set ?? off;
		if (name) options.set(name, line);
	}
	return options;
}

/** Lines of the wanted options that a configuration has not. */
export function droppedOptions(
	wanted: ReadonlyMap<string, string>,
	config: string,
): string[] {
	const options = optionsOf(config);
	const isOff = (line = "=n") => /=n$| is not set$/.test(line);
	return [...wanted]
		.filter(([name, line]) => {
			const own = options.get(name);
			return isOff(line) ? !isOff(own) : line !== own;
		})
		.map(([, line]) => line);
}

/**
 * Kconfig drops an option silently when something it depends on is off: throws naming those,
 * so that nobody finds out in the field.
 * @param owner whose configuration it is
 */
export function refuseDroppedOptions(
	owner: string,
	fragment: string,
	config: string,
): void {
	const dropped = droppedOptions(optionsOf(fragment), config);
	if (dropped.length > 0)
		throw new Error(
			`the configuration of ${owner} does not take: ${dropped.join(", ")}`,
		);
}
