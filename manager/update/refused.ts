import { OperationError } from "../operations/operation.ts";

/** An update that is not taken, with what is wrong about it. Nothing was changed. */
export class UpdateRefused extends OperationError {
	constructor(
		code:
			| "notAnUpdate"
			| "notSigned"
			| "damaged"
			| "incomplete"
			| "tooLarge"
			| "systemTooLarge"
			| "wrongTarget"
			| "olderVersion"
			| "busy"
			| "nothingReceived"
			| "notReachable"
			| "bootPartition",
		message: string,
		options?: ErrorOptions,
	) {
		super(isOurState.has(code) ? 409 : 400, code, message, options);
	}
}

/** Nothing is wrong about the request: the device is not ready for it. */
const isOurState: ReadonlySet<string> = new Set(["busy", "bootPartition"]);
