import { useState } from "preact/hooks";
import type { Failure } from "./api.ts";

/**
 * Sends a form by a function, one at a time.
 * @param send gets the fields by name, and the value of the button that was pressed; what it
 * throws is shown.
 * @param options.keepFields when it throws; else they are as before, and a wrong password is gone.
 */
export function useForm(
	send: (fields: FormData, button: string) => Promise<void>,
	{ keepFields = false } = {},
) {
	const [problem, setProblem] = useState<string>();
	const [sending, setSending] = useState(false);
	async function onSubmit(event: SubmitEvent) {
		event.preventDefault();
		const form = event.currentTarget as HTMLFormElement;
		const button = event.submitter as HTMLButtonElement | null;
		setSending(true);
		setProblem(undefined);
		try {
			await send(new FormData(form), button?.value ?? "");
		} catch (failure) {
			setProblem((failure as Failure).message);
			if (keepFields) return;
			form.reset();
			form.querySelector("input")?.focus();
		} finally {
			setSending(false);
		}
	}
	return { onSubmit, problem, sending };
}

/** The text of a field; empty where the form has none of that name. */
export function textOf(fields: FormData, name: string): string {
	const value = fields.get(name);
	return typeof value === "string" ? value : "";
}
