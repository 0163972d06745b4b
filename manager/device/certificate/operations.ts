import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import type { Acme } from "./acme/acme.ts";
import type { Certificate } from "./certificate.ts";
import { certificateInfoSchema } from "./certificate-info.ts";

const nothing = z.strictObject({});
const maxUploadCharacters = 60_000;

const certificateAnswer = z.object({
	/** Undefined on a machine without the system's web server. */
	certificate: certificateInfoSchema.optional(),
});

const defaultAnswer = z.object({
	result: z.enum(["renewed", "restored", "alreadyInUse"]),
	/** The result as a sentence, with the reason of a renewal. */
	message: z.string(),
	/** ISO 8601. */
	validUntil: z.string(),
});

export type CertificateAnswer = z.output<typeof certificateAnswer>;

/** @param acme is disabled when an admin chooses a certificate. */
export function certificateOperations(certificate: Certificate, acme: Acme) {
	return [
		defineOperation({
			name: "certificate",
			summary:
				"Returns the web server's certificate: its names, issuer, chain and expiry",
			permission: "administrator",
			tokens: "read",
			live: { everyMs: 5_000 },
			input: nothing,
			output: certificateAnswer,
			handle: async () => ({ certificate: await certificate.info() }),
		}),
		defineOperation({
			name: "certificateUpload",
			summary:
				"Replaces the web server's certificate: PEM with certificate, intermediates and unencrypted private key",
			permission: "administrator",
			onlyOverHttp: true,
			input: z.strictObject({ pem: z.string().max(maxUploadCharacters) }),
			output: nothing,
			async handle({ pem }) {
				await certificate.install(pem, "upload");
				await acme.disable();
				return {};
			},
		}),
		defineOperation({
			name: "certificateDefault",
			summary:
				"Restores the device's own certificate, and renews it if it has expired, is about to expire or is damaged",
			permission: "administrator",
			input: nothing,
			output: defaultAnswer,
			async handle() {
				await acme.disable();
				return certificate.restoreDefault();
			},
		}),
	];
}
