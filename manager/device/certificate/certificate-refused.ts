import { OperationError } from "../../shared/operation-error.ts";

/** The web server cannot use a certificate or key. The message names the reason and never contains the key. */
export class CertificateRefused extends OperationError {
	constructor(code: string, message: string) {
		super("invalid", code, message);
	}
}
