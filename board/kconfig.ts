/** A line that sets an option, or disables it in Kconfig's own notation. */
const OPTION = /^(\w+)=|^# (\w+) is not set$/;

/** Returns the lines of a fragment by option; the last line for an option wins, as in Kconfig. */
export function parseKconfig(fragment: string): Map<string, string> {
	const options = new Map<string, string>();
	for (const line of fragment.split("\n")) {
		const [, set, off] = OPTION.exec(line) ?? [];
		const name = set ?? off;
		if (name) options.set(name, line);
	}
	return options;
}

/** Returns the lines of the wanted options that a configuration lacks. */
export function droppedOptions(
	wanted: ReadonlyMap<string, string>,
	config: string,
): string[] {
	const options = parseKconfig(config);
	const isOff = (line = "=n") => /=n$| is not set$/.test(line);
	return [...wanted]
		.filter(([name, line]) => {
			const own = options.get(name);
			return isOff(line) ? !isOff(own) : line !== own;
		})
		.map(([, line]) => line);
}

/**
 * Checks that a configuration has all options of a fragment: Kconfig silently drops an option when one of
 * its dependencies is off.
 * @param owner what the configuration is for
 * @throws Error naming the dropped options.
 */
export function assertNoDroppedOptions(
	owner: string,
	fragment: string,
	config: string,
): void {
	const dropped = droppedOptions(parseKconfig(fragment), config);
	if (dropped.length > 0)
		throw new Error(
			`the configuration of ${owner} does not take: ${dropped.join(", ")}`,
		);
}
