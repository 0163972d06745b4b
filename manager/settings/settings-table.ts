import * as z from "zod";
import { hostName } from "../shared/host-name.ts";

/** How a setting is reached over the API: `OPERATION` reads it, `OPERATIONChange` changes it. */
export interface SettingApi {
	operation: string;
	/** The field of the value in input and output. */
	field: string;
	/** Undefined if a feature's own operation returns the value. */
	summary: string | undefined;
	changeSummary: string;
}

export interface Setting {
	/** Of the stored value and of what an administrator may set. */
	schema: z.ZodType;
	default: unknown;
	/** Undefined if changing it does more than storing it: the feature then has its own operation. */
	api?: SettingApi;
	/** Another setting, whose value must differ. */
	differsFrom?: "dnsName" | "managerHostName";
}

/**
 * What an administrator may change at run time, by its name in the table `config`. Names are stored: never rename.
 * A new setting needs only a row here and its use.
 */
export const settingsTable = {
	/** Null if the machine has none. */
	dnsName: {
		schema: hostName.nullable(),
		default: null,
		differsFrom: "managerHostName",
		api: {
			operation: "dnsName",
			field: "dnsName",
			summary: "Returns the DNS name by which this machine is reached",
			changeSummary:
				"Sets the DNS name by which this machine is reached, and announces it to the services",
		},
	},
	/** Null if the manager has no host name of its own. */
	managerHostName: {
		schema: hostName.nullable(),
		default: null,
		differsFrom: "dnsName",
		api: {
			operation: "managerHostName",
			field: "hostName",
			summary: "Returns the host name that leads to the manager alone",
			changeSummary:
				"Sets a host name that leads to the manager alone, not to apps; the device's own certificate and those of ACME include it",
		},
	},
	/** Whether sessions are valid at the addresses of apps too. */
	managerOnAppOrigin: {
		schema: z.boolean(),
		default: false,
		api: {
			operation: "managerOnAppOrigin",
			field: "isOn",
			summary:
				"Returns whether the manager's page is on port 443 together with the apps, whose pages can then do everything that a logged-in administrator can",
			changeSummary:
				"Serves the manager's page on port 443 together with the apps, whose pages can then do everything that a logged-in administrator can; or only at its own address",
		},
	},
	/** URL of the directory with apps.json, or its path on the device. The environment provides the default. */
	appStoreUrl: {
		schema: z
			.string()
			.max(2_000)
			.regex(/^(https?:\/\/[^/\s]+(\/\S*)?|\/\S+)$/, {
				error: "must start with https:// or http://, or with / for a directory",
			}),
		default: "",
		api: {
			operation: "storeUrl",
			field: "url",
			summary: "Returns the address of the app store",
			changeSummary: "Sets the address of the app store",
		},
	},
	/** Whether developers may install apps without a store. */
	developerMode: {
		schema: z.boolean(),
		default: false,
		api: {
			operation: "developerMode",
			field: "isOn",
			summary:
				"Returns whether apps can be uploaded as archives to /app-archive",
			changeSummary: "Enables or disables the upload of apps",
		},
	},
	/** Of local time. With the default and the largest offset the optimization starts at five in the morning. */
	databaseOptimizationHour: {
		schema: z.int().min(0).max(23),
		default: 22,
		api: {
			operation: "databaseOptimization",
			field: "hour",
			summary: undefined,
			changeSummary:
				"Sets the hour after which the databases are optimized each night",
		},
	},
	/** Of each instance's database, in MB (10^6 bytes); null is half of the disk. */
	databaseMaxMegabytes: {
		schema: z.int().min(16).max(1_000_000_000).nullable(),
		default: null,
		api: {
			operation: "databaseLimit",
			field: "megabytes",
			summary:
				"Returns how large the database of an instance may become, in MB; null means half of the disk",
			changeSummary:
				"Sets how large the database of an instance may become, in MB, before it becomes read-only; null means half of the disk",
		},
	},
	/** Of the files of each service, in MB (10^6 bytes); null is half of the disk. */
	fileMaxMegabytes: {
		schema: z.int().min(16).max(1_000_000_000).nullable(),
		default: null,
		api: {
			operation: "fileLimit",
			field: "megabytes",
			summary:
				"Returns how much the files of an app may take on the disk, in MB; null means half of the disk",
			changeSummary:
				"Sets how much the files of an app may take on the disk, in MB, before it cannot write; null means half of the disk",
		},
	},
	/** Whether the default passwords are valid from 100.64.0.0/10 (RFC 6598). */
	sharedAddressSpaceIsInside: {
		schema: z.boolean(),
		default: false,
		api: {
			operation: "sharedAddressSpace",
			field: "isInside",
			summary:
				"Returns whether 100.64.0.0/10 counts as local network, from which the default passwords are valid",
			changeSummary:
				"Sets whether 100.64.0.0/10 counts as local network, from which the default passwords are valid",
		},
	},
	/** Whether apps' WebSocket clients may log in with the password (digest). */
	appWebsocketLogin: { schema: z.boolean(), default: true },
} as const satisfies Record<string, Setting>;

export type SettingsTable = typeof settingsTable;
export type SettingName = keyof SettingsTable;
export type SettingValues = {
	[Name in SettingName]: z.output<SettingsTable[Name]["schema"]>;
};
