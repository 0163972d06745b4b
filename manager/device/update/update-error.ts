import { OperationError } from "../../shared/operation-error.ts";

export type UpdateErrorCode =
	| "notAnUpdate"
	| "notSigned"
	| "damaged"
	| "incomplete"
	| "tooLarge"
	| "systemTooLarge"
	| "wrongTarget"
	| "olderVersion"
	| "belowMinimum"
	| "busy"
	| "cancelled"
	| "interrupted"
	| "wrongOffset"
	| "wrongFile"
	| "nothingReceived"
	| "bootPartition";

/** An update is refused. Nothing has changed on the device. */
export class UpdateError extends OperationError {
	declare readonly code: UpdateErrorCode;

	constructor(code: UpdateErrorCode, message: string, options?: ErrorOptions) {
		super(
			deviceStateCodes.has(code) ? "conflict" : "invalid",
			code,
			message,
			options,
		);
	}
}

/** The request is valid, but the state of the device does not allow it. */
const deviceStateCodes: ReadonlySet<UpdateErrorCode> = new Set([
	"busy",
	"cancelled",
	"wrongOffset",
	"wrongFile",
	"bootPartition",
]);
