import * as z from "zod";
import type { Session } from "../access/login/sessions.ts";
import type { Token } from "../access/tokens/token.ts";

/** Who may call an operation. */
export type Permission = "everyone" | "administrator";

/**
 * Which tokens may call an operation for administrators: those for `read` where it only looks,
 * otherwise those for `administer`; none, where it is about passwords and tokens themselves.
 */
export type TokenUse = "read" | "administer" | "never";

/** Who calls, and what can be done for the caller's browser. */
export interface Caller {
	/** IP address; undefined where the web server gave none. */
	address: string | undefined;
	session: Session | undefined;
	/** Who calls with a token has no session. */
	token: Token | undefined;
	/** Lets the browser keep a session token, or forget it. Only an HTTP response can. */
	keepToken(token: string | undefined): void;
}

/** What the HTTP API, its OpenAPI document and the WebSocket are made from. */
export interface Operation {
	name: string;
	summary: string;
	permission: Permission;
	tokens: TokenUse;
	/** For operations that set a cookie, which a WebSocket message cannot. */
	onlyOverHttp: boolean;
	input: z.ZodType;
	output: z.ZodType;
	/** Checks the input, does the work, and lets out only what the output schema names. */
	run(input: unknown, caller: Caller): Promise<unknown>;
}

/** A failure that is told to the caller in words; anything else is an internal error. */
export class OperationError extends Error {
	readonly code: string;
	readonly httpStatus: number;
	readonly retryAfterSeconds: number | undefined;

	constructor(
		httpStatus: number,
		code: string,
		message: string,
		options: ErrorOptions & { retryAfterSeconds?: number } = {},
	) {
		super(message, options);
		this.httpStatus = httpStatus;
		this.code = code;
		this.retryAfterSeconds = options.retryAfterSeconds;
	}
}

/** Describes an operation; its handler sees checked input of the schema's type. */
export function defineOperation<
	Input extends z.ZodType,
	Output extends z.ZodType,
>(definition: {
	name: string;
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
}): Operation {
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
					400,
					"invalidInput",
					z.prettifyError(input.error),
				);
			return description.output.parse(await handle(input.data, caller));
		},
	};
}

/** A Map, so that names such as `constructor` are not found. */
export type OperationTable = ReadonlyMap<string, Operation>;

/** @throws Error where two operations have the same name. */
export function operationTable(operations: Operation[]): OperationTable {
	const table = new Map(
		operations.map((operation) => [operation.name, operation]),
	);
	if (table.size !== operations.length)
		throw new Error("Two operations have the same name");
	return table;
}
