import { OperationError } from "../operations/operation.ts";

/** An update that is not taken, with what is wrong about it. Nothing was changed. */
export class UpdateRefused extends OperationError {
	constructor(
		code:
			| "notAnUpdate"
			| "notSigned"
			| "damaged"
			| "tooLarge"
			| "wrongTarget"
			| "olderVersion"
			| "busy"
			| "nothingReceived"
			| "notReachable",
		message: string,
		options?: ErrorOptions,
	) {
		super(code === "busy" ? 409 : 400, code, message, options);
	}
}
