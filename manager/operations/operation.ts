import * as z from "zod";
import { OperationError } from "../shared/operation-error.ts";
import type { Caller } from "./caller.ts";

/** Who may call an operation. */
export type Permission = "everyone" | "administrator";

/**
 * Which tokens may call an operation for administrators: those for `read` where it only looks,
 * otherwise those for `administer`; none, where it is about passwords and tokens themselves.
 */
export type TokenUse = "read" | "administer" | "never";

/** What the HTTP API, its OpenAPI document, the WebSocket and the pages' client are made from. */
export interface Operation<
	Name extends string = string,
	Input extends z.ZodType = z.ZodType,
	Output extends z.ZodType = z.ZodType,
> {
	name: Name;
	summary: string;
	permission: Permission;
	tokens: TokenUse;
	/** For operations that set a cookie, which a WebSocket message cannot. */
	onlyOverHttp: boolean;
	input: Input;
	output: Output;
	/** Checks the input, does the work, and lets out only what the output schema names. */
	run(input: unknown, caller: Caller): Promise<unknown>;
}

/** Describes an operation; its handler sees checked input of the schema's type. */
export function defineOperation<
	const Name extends string,
	Input extends z.ZodType,
	Output extends z.ZodType,
>(definition: {
	name: Name;
	summary: string;
	permission: Permission;
	/** `administer` where nothing is said. */
	tokens?: TokenUse;
	onlyOverHttp?: boolean;
	input: Input;
	output: Output;
	handle(
		input: z.output<Input>,
		caller: Caller,
	): Promise<z.input<Output>> | z.input<Output>;
}): Operation<Name, Input, Output> {
	const {
		handle,
		onlyOverHttp = false,
		tokens = "administer",
		...description
	} = definition;
	return {
		...description,
		tokens,
		onlyOverHttp,
		async run(rawInput, caller) {
			const input = description.input.safeParse(rawInput);
			if (!input.success)
				throw new OperationError(
					"invalid",
					"invalidInput",
					z.prettifyError(input.error),
				);
			return description.output.parse(await handle(input.data, caller));
		},
	};
}

/** A Map, so that names such as `constructor` are not found. */
export type OperationTable<Known extends Operation = Operation> = ReadonlyMap<
	string,
	Known
>;

/** @throws Error where two operations have the same name. */
export function operationTable<Known extends Operation>(
	operations: readonly Known[],
): OperationTable<Known> {
	const table = new Map<string, Known>(
		operations.map((operation) => [operation.name, operation]),
	);
	if (table.size !== operations.length)
		throw new Error("Two operations have the same name");
	return table;
}
