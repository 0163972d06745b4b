import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import type { Acme } from "./acme/acme.ts";
import type { Certificate } from "./certificate.ts";
import { factsSchema } from "./facts.ts";

const nothing = z.strictObject({});
const mostUploadCharacters = 60_000;

const certificateAnswer = z.object({
	/** Missing where there is no web server of ours. */
	certificate: factsSchema.optional(),
});

const defaultAnswer = z.object({
	result: z.enum(["renewed", "restored", "alreadyInUse"]),
	/** The result in a sentence, with the reason of a renewal. */
	message: z.string(),
	/** ISO 8601. */
	validUntil: z.string(),
});

export type CertificateAnswer = z.output<typeof certificateAnswer>;

/** @param acme gives up where an admin chooses the certificate. */
export function certificateOperations(certificate: Certificate, acme: Acme) {
	return [
		defineOperation({
			name: "certificate",
			summary: "The web server's certificate: whose it is, and how long",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: certificateAnswer,
			handle: async () => ({ certificate: await certificate.facts() }),
		}),
		defineOperation({
			name: "certificateUpload",
			summary:
				"Has the web server use another certificate: PEM with certificate, intermediates and unencrypted private key",
			permission: "administrator",
			onlyOverHttp: true,
			input: z.strictObject({ pem: z.string().max(mostUploadCharacters) }),
			output: nothing,
			async handle({ pem }) {
				await certificate.take(pem, "upload");
				await acme.disable();
				return {};
			},
		}),
		defineOperation({
			name: "certificateDefault",
			summary:
				"Has the web server use the certificate that the device has made for itself; one that has expired, is about to, or cannot be used is renewed",
			permission: "administrator",
			input: nothing,
			output: defaultAnswer,
			async handle() {
				await acme.disable();
				return certificate.useDefault();
			},
		}),
	];
}
