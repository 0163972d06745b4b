import * as z from "zod";

/** The answer of an operation that may have had nothing to do. */
export const outcome = z.object({
	changed: z.boolean(),
	/** What happened, in a sentence. */
	message: z.string(),
});

/** @returns the answer: one sentence for what was done, the other where nothing was. */
export function outcomeOf(
	changed: boolean,
	done: string,
	nothingToDo: string,
): z.output<typeof outcome> {
	return { changed, message: changed ? done : nothingToDo };
}
