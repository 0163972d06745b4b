import { OperationError } from "../../shared/operation-error.ts";

export type UpdateRefusal =
	| "notAnUpdate"
	| "notSigned"
	| "damaged"
	| "incomplete"
	| "tooLarge"
	| "systemTooLarge"
	| "wrongTarget"
	| "olderVersion"
	| "busy"
	| "cancelled"
	| "interrupted"
	| "wrongOffset"
	| "wrongFile"
	| "nothingReceived"
	| "notReachable"
	| "bootPartition";

/** An update that is not taken, with what is wrong about it. Nothing was changed. */
export class UpdateRefused extends OperationError {
	declare readonly code: UpdateRefusal;

	constructor(code: UpdateRefusal, message: string, options?: ErrorOptions) {
		super(
			isOurState.has(code) ? "conflict" : "invalid",
			code,
			message,
			options,
		);
	}
}

/** Nothing is wrong about the request: the device is not ready for it. */
const isOurState: ReadonlySet<string> = new Set([
	"busy",
	"cancelled",
	"wrongOffset",
	"wrongFile",
	"bootPartition",
]);
