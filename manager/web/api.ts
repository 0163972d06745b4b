import type * as z from "zod";
import type { ManagerOperation } from "../manager.ts";

// The client's types are those of the server's table of operations: a wrong name or field does not compile.
export type OperationName = ManagerOperation["name"];
type Named<Name> = Extract<ManagerOperation, { name: Name }>;
export type Input<Name extends OperationName> = z.input<Named<Name>["input"]>;
export type Output<Name extends OperationName> = z.output<
	Named<Name>["output"]
>;
/** Operations that may be called without an input. */
export type QueryName = {
	[Name in OperationName]: Record<string, never> extends Input<Name>
		? Name
		: never;
}[OperationName];
/** The input may be left out where every field may. */
export type InputArguments<Name extends OperationName> =
	Record<string, never> extends Input<Name>
		? [input?: Input<Name>]
		: [input: Input<Name>];

/** A refusal or failure as the manager words it. */
export class Failure extends Error {
	readonly code: string;

	constructor(code: string, message: string) {
		super(message);
		this.code = code;
	}
}

/** Calls an operation over HTTP. @throws Failure */
export async function post<Name extends OperationName>(
	operation: Name,
	...[input]: InputArguments<Name>
): Promise<Output<Name>> {
	return answerOf(operation, {
		headers: { "content-type": "application/json" },
		body: JSON.stringify(input ?? {}),
	});
}

/** Posts anything. @throws Failure */
export async function answerOf<Answer>(
	path: string,
	request: RequestInit,
): Promise<Answer> {
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
