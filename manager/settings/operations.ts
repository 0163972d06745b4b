import * as z from "zod";
import { defineOperation, type Operation } from "../operations/operation.ts";
import type { Settings } from "./settings.ts";
import {
	type Setting,
	type SettingApi,
	type SettingName,
	type SettingsTable,
	settingsTable,
} from "./settings-table.ts";

const nothing = z.strictObject({});
type Nothing = typeof nothing;

type WithField<
	Row extends { schema: z.ZodType },
	Api extends SettingApi,
> = z.ZodObject<{ [Field in Api["field"]]: Row["schema"] }>;
type OperationsOf<Row> = Row extends {
	schema: z.ZodType;
	api: infer Api extends SettingApi;
}
	?
			| (Api["summary"] extends string
					? Operation<Api["operation"], Nothing, WithField<Row, Api>>
					: never)
			| Operation<`${Api["operation"]}Change`, WithField<Row, Api>, Nothing>
	: never;
type SettingOperation = OperationsOf<SettingsTable[SettingName]>;

/** The operations that read and change the settings of the table. */
export function settingOperations(settings: Settings): SettingOperation[] {
	const operations: Operation[] = [];
	for (const [key, row] of Object.entries<Setting>(settingsTable)) {
		if (!row.api) continue;
		const name = key as SettingName;
		const { operation, field, summary, changeSummary } = row.api;
		if (summary !== undefined)
			operations.push(
				defineOperation({
					name: operation,
					summary,
					permission: "administrator",
					tokens: "read",
					// Somebody may delete a row with psql.
					live: { changes: [settings.changes], everyMs: 5_000 },
					input: nothing,
					output: z.object({ [field]: schemaOrDefault(row) }),
					handle: async () => ({ [field]: await settings.get(name) }),
				}),
			);
		operations.push(
			defineOperation({
				name: `${operation}Change`,
				summary: changeSummary,
				permission: "administrator",
				input: z.strictObject({ [field]: row.schema }),
				output: nothing,
				async handle(input) {
					await settings.set(name, input[field] as never);
					return {};
				},
			}),
		);
	}
	// The types are derived from the table.
	return operations as SettingOperation[];
}

/** A default need not match the schema: an empty URL, for instance. */
function schemaOrDefault({ schema, default: value }: Setting): z.ZodType {
	return schema.safeParse(value).success
		? schema
		: z.union([schema, z.literal(value as string)]);
}
