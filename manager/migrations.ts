import { createTokenTable } from "./access/tokens/tokens.ts";
import { createAlarmTable } from "./alarms/alarm-table.ts";
import { createDatabaseLimitTable } from "./app-hosting/instances/database-limits.ts";
import {
	addExternalHost,
	createInstanceTable,
} from "./app-hosting/instances/schema.ts";
import { createServiceTables } from "./app-hosting/services/service-table.ts";
import { acceptStoredStore } from "./app-hosting/store/store-trust.ts";
import type { Migration } from "./database/migrate.ts";
import { createUpdateTable } from "./device/update/schema.ts";
import { createConfigTable } from "./settings/schema.ts";

/** All migrations of the manager's tables, oldest first. Names are stored: never rename or reorder. */
export const migrations: readonly Migration[] = [
	{ name: "0001-config", up: createConfigTable },
	{ name: "0002-update-history", up: createUpdateTable },
	{ name: "0003-services", up: createServiceTables },
	{ name: "0004-instances", up: createInstanceTable },
	{ name: "0005-external-host", up: addExternalHost },
	{ name: "0006-tokens", up: createTokenTable },
	{ name: "0007-alarms", up: createAlarmTable },
	{ name: "0008-store-trust", up: acceptStoredStore },
	{ name: "0009-database-limits", up: createDatabaseLimitTable },
];
