import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import type { DnsName } from "./dns-name.ts";
import { hostName } from "./host-name.ts";

const nothing = z.strictObject({});

export function dnsNameOperations(dnsName: DnsName) {
	return [
		defineOperation({
			name: "dnsName",
			summary: "By which DNS name this machine is reached",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: z.object({
				/** Null where it has none. */
				dnsName: z.string().nullable(),
			}),
			handle: async () => ({ dnsName: (await dnsName.read()) ?? null }),
		}),
		defineOperation({
			name: "dnsNameChange",
			summary: "Tells this machine, and its services, another DNS name",
			permission: "administrator",
			input: z.strictObject({ dnsName: hostName.nullable() }),
			output: nothing,
			async handle({ dnsName: wanted }) {
				await dnsName.set(wanted ?? undefined);
				return {};
			},
		}),
	];
}
