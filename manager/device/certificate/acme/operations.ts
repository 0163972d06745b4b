import * as z from "zod";
import type { Jobs } from "../../../jobs/jobs.ts";
import { defineOperation } from "../../../operations/operation.ts";
import { outcome, outcomeOf } from "../../../operations/outcome.ts";
import { hostName } from "../../../shared/host-name.ts";
import type { Acme } from "./acme.ts";

const nothing = z.strictObject({});
const maxNames = 50;

const acmeStatus = z.object({
	state: z.enum(["off", "ordering", "waiting"]),
	directoryUrl: z.string().optional(),
	email: z.string().optional(),
	names: z.array(z.string()).optional(),
	/** Why the last order failed. */
	problem: z.string().optional(),
	/** ISO 8601. */
	nextOrderAt: z.string().optional(),
});

export type AcmeAnswer = z.output<typeof acmeStatus>;

export function acmeOperations(acme: Acme, jobs: Jobs) {
	return [
		defineOperation({
			name: "acmeStatus",
			summary:
				"Returns whether an authority renews the certificate, and the result of the last order",
			permission: "administrator",
			tokens: "read",
			live: { changes: [jobs.changes], everyMs: 5_000 },
			input: nothing,
			output: acmeStatus,
			handle: () => acme.status(),
		}),
		defineOperation({
			name: "acmeEnable",
			summary:
				"Orders a certificate from an ACME authority at once and renews it before it expires",
			permission: "administrator",
			input: z.strictObject({
				directoryUrl: z.url({ protocol: /^https$/ }).max(2_000),
				/** The address that the authority gets; may be empty. */
				email: z.union([z.literal(""), z.email().max(254)]),
				names: z.array(hostName).min(1).max(maxNames),
				termsOfServiceAgreed: z.literal(true),
			}),
			output: nothing,
			async handle({ directoryUrl, email, names }) {
				await acme.enable({ directoryUrl, email, names: [...new Set(names)] });
				return {};
			},
		}),
		defineOperation({
			name: "acmeDisable",
			summary: "Disables automatic renewal; the certificate stays in use",
			permission: "administrator",
			input: nothing,
			output: outcome,
			handle: async () =>
				outcomeOf(
					await acme.disable(),
					"Automatic renewal is disabled; the certificate stays in use",
					"Automatic renewal was not enabled",
				),
		}),
	];
}
