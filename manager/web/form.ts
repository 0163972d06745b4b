import { useState } from "preact/hooks";
import type { Failure } from "./api.ts";

/**
 * Sends a form by a function, one at a time.
 * @param send gets the fields by name, and the value of the button that was pressed; what it
 * throws is shown.
 */
export function useForm(
	send: (fields: FormData, button: string) => Promise<void>,
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
			form.reset();
			form.querySelector("input")?.focus();
		} finally {
			setSending(false);
		}
	}
	return { onSubmit, problem, sending };
}
