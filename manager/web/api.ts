/** A refusal or failure as the manager words it. */
export class Failure extends Error {
	readonly code: string;

	constructor(code: string, message: string) {
		super(message);
		this.code = code;
	}
}

/** Calls an operation over HTTP. @throws Failure */
export async function post<Output>(
	operation: string,
	input: object = {},
): Promise<Output> {
	return answerOf(operation, {
		headers: { "content-type": "application/json" },
		body: JSON.stringify(input),
	});
}

/** Posts anything. @throws Failure */
export async function answerOf<Output>(
	path: string,
	request: RequestInit,
): Promise<Output> {
	const response = await fetch(`/manager/api/${path}`, {
		...request,
		method: "POST",
	}).catch(() => undefined);
	if (response === undefined)
		throw new Failure("unreachable", "The manager does not answer.");
	// While the manager starts, the web server answers with a page of its own.
	const answer = await response.json().catch(() => undefined);
	if (answer === undefined)
		throw new Failure("unreachable", "The manager is starting.");
	if (!response.ok) throw new Failure(answer.error.code, answer.error.message);
	return answer;
}
