import type { EventEmitter } from "node:events";
import * as z from "zod";
import { OperationError } from "../shared/operation-error.ts";
import type { Caller } from "./caller.ts";

/** Who may call an operation. */
export type Permission = "everyone" | "administrator";

/**
 * Which tokens may call an operation for administrators: those for `read` if it changes nothing and returns no secret,
 * otherwise those for `administer`; only those that name it (`byName`) if it returns passwords; none if it concerns
 * tokens or the passwords of the system.
 */
export type TokenUse = "read" | "administer" | "byName" | "never";

/** Emits `change`. */
export type Changes = EventEmitter<{ change: [] }>;

/** When subscribers get a new output, if it differs from the last: after changes, and after a time without any. */
export interface Live {
	changes?: readonly Changes[];
	/** For figures that nothing announces. */
	everyMs?: number;
}

/** The source of the HTTP API, its OpenAPI document, the WebSocket API and the pages' client. */
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
	/** Clients can subscribe to the output on the WebSocket. Only for operations that read and need no input. */
	live: Live | undefined;
	input: Input;
	output: Output;
	/** Validates the input, runs the handler, and returns only the fields of the output schema. */
	run(input: unknown, caller: Caller): Promise<unknown>;
}

/** Defines an operation; its handler receives validated input of the schema's type. */
export function defineOperation<
	const Name extends string,
	Input extends z.ZodType,
	Output extends z.ZodType,
>(definition: {
	name: Name;
	summary: string;
	permission: Permission;
	/** The default is `administer`. */
	tokens?: TokenUse;
	onlyOverHttp?: boolean;
	live?: Live;
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
		live,
		...description
	} = definition;
	return {
		...description,
		tokens,
		onlyOverHttp,
		live,
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

/** @throws Error if two operations have the same name. */
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
