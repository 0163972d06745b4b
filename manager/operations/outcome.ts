import * as z from "zod";

/** The answer of an operation that may have nothing to do. */
export const outcome = z.object({
	changed: z.boolean(),
	/** What happened, in a sentence. */
	message: z.string(),
});

/** @returns the answer with the sentence that fits: `done` or `nothingToDo`. */
export function outcomeOf(
	changed: boolean,
	done: string,
	nothingToDo: string,
): z.output<typeof outcome> {
	return { changed, message: changed ? done : nothingToDo };
}
