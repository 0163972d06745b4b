import { OperationError } from "../../operations/operation.ts";

/** The web server cannot use what was given; the message names the fault, never the key. */
export class CertificateRefused extends OperationError {
	constructor(code: string, message: string) {
		super(400, code, message);
	}
}
