import { OperationError } from "../../shared/operation-error.ts";

/** The web server cannot use what was given; the message names the fault, never the key. */
export class CertificateRefused extends OperationError {
	constructor(code: string, message: string) {
		super("invalid", code, message);
	}
}
