import { join } from "node:path";
import * as z from "zod";
import { rootCommand } from "../shared/root-command.ts";
import { managerWebPort } from "./listen-address.ts";

const appliance = {
	dataDirectory: "/mnt/sda2",
	releaseFile: "/etc/app-platform-release",
	keysDirectory: "/etc/app-platform-keys",
	bootPartitionCommand: rootCommand("boot-partition"),
	restartCommand: rootCommand("restart"),
	socketGroup: "webserver",
	reserveSizeBytes: 500 * 1024 * 1024,
	postgresHost: "/run/postgresql",
	setPasswordsCommand: rootCommand("set-passwords"),
	runDirectory: "/run",
	appQuotasCommand: rootCommand("app-quotas"),
	certificateCommand: rootCommand("certificate"),
	createReserveCommand: rootCommand("create-reserve"),
};

const webPort = z.coerce.number().int().min(1).max(65535);

const environmentSchema = z
	.object({
		MANAGER_DATA_DIRECTORY: z.string().min(1).default(appliance.dataDirectory),
		MANAGER_RELEASE_FILE: z.string().min(1).default(appliance.releaseFile),
		MANAGER_KEYS_FOLDER: z.string().min(1).default(appliance.keysDirectory),
		MANAGER_BOOT_PARTITION_COMMAND: z
			.string()
			.min(1)
			.default(appliance.bootPartitionCommand),
		MANAGER_RESTART_COMMAND: z
			.string()
			.min(1)
			.default(appliance.restartCommand),
		MANAGER_SOCKET_GROUP: z.string().default(appliance.socketGroup),
		/** The web server's port that serves the manager alone, and that of the apps. */
		MANAGER_WEB_PORT: webPort.default(managerWebPort),
		MANAGER_APPS_WEB_PORT: webPort.default(443),
		MANAGER_RESERVE_BYTES: z.coerce
			.number()
			.int()
			.positive()
			.default(appliance.reserveSizeBytes),
		MANAGER_SET_PASSWORDS_COMMAND: z
			.string()
			.min(1)
			.default(appliance.setPasswordsCommand),
		/** The default app store. */
		MANAGER_STORE_URL: z.string().default(""),
		MANAGER_RUN_FOLDER: z.string().min(1).default(appliance.runDirectory),
		/** Only where services have no users of their own. */
		MANAGER_RUN_APP_COMMAND: z.string().min(1).optional(),
		MANAGER_APP_QUOTAS_COMMAND: z
			.string()
			.min(1)
			.default(appliance.appQuotasCommand),
		MANAGER_CERTIFICATE_COMMAND: z
			.string()
			.min(1)
			.default(appliance.certificateCommand),
		MANAGER_CREATE_RESERVE_COMMAND: z
			.string()
			.min(1)
			.default(appliance.createReserveCommand),
		/** Root certificates of ACME authorities that public roots do not cover. */
		MANAGER_ACME_CA_FILE: z.string().min(1).optional(),
		MANAGER_LOG_LEVEL: z
			.enum(["trace", "debug", "info", "warn", "error", "fatal"])
			.default("info"),
		PGHOST: z.string().min(1).default(appliance.postgresHost),
	})
	.transform((environment) => ({
		dataDirectory: environment.MANAGER_DATA_DIRECTORY,
		releaseFile: environment.MANAGER_RELEASE_FILE,
		reserve: {
			directory: environment.MANAGER_DATA_DIRECTORY,
			sizeBytes: environment.MANAGER_RESERVE_BYTES,
			createCommand: environment.MANAGER_CREATE_RESERVE_COMMAND,
		},
		updates: {
			releaseFile: environment.MANAGER_RELEASE_FILE,
			keysDirectory: environment.MANAGER_KEYS_FOLDER,
			bootPartitionCommand: environment.MANAGER_BOOT_PARTITION_COMMAND,
			restartCommand: environment.MANAGER_RESTART_COMMAND,
			directory: join(environment.MANAGER_DATA_DIRECTORY, "system/update"),
		},
		accessDirectory: join(environment.MANAGER_DATA_DIRECTORY, "system/manager"),
		machineKeyFile: join(
			environment.MANAGER_DATA_DIRECTORY,
			"system/manager/password.key",
		),
		setPasswordsCommand: environment.MANAGER_SET_PASSWORDS_COMMAND,
		appQuotasCommand: environment.MANAGER_APP_QUOTAS_COMMAND,
		services: {
			apps: join(environment.MANAGER_DATA_DIRECTORY, "apps"),
			sockets: join(environment.MANAGER_RUN_FOLDER, "apps"),
			control: join(environment.MANAGER_RUN_FOLDER, "services"),
			logs: join(environment.MANAGER_DATA_DIRECTORY, "log/apps"),
			rulesLeftOut: join(environment.MANAGER_RUN_FOLDER, "app-rules-left-out"),
			runCommand: environment.MANAGER_RUN_APP_COMMAND,
		},
		store: {
			directory: join(environment.MANAGER_DATA_DIRECTORY, "system/store"),
			url: environment.MANAGER_STORE_URL,
			keysDirectory: environment.MANAGER_KEYS_FOLDER,
		},
		routes: {
			adminSocket: join(environment.MANAGER_RUN_FOLDER, "haproxy/admin.sock"),
			map: join(environment.MANAGER_RUN_FOLDER, "haproxy/routes.map"),
			backend: "apps",
			managerNamesMap: join(
				environment.MANAGER_RUN_FOLDER,
				"haproxy/manager-names.map",
			),
		},
		webServerPorts: {
			manager: environment.MANAGER_WEB_PORT,
			apps: environment.MANAGER_APPS_WEB_PORT,
		},
		certificate: {
			directory: join(environment.MANAGER_DATA_DIRECTORY, "system/webserver"),
			command: environment.MANAGER_CERTIFICATE_COMMAND,
			adminSocket: join(environment.MANAGER_RUN_FOLDER, "haproxy/admin.sock"),
		},
		acmeAuthoritiesFile: environment.MANAGER_ACME_CA_FILE,
		logLevel: environment.MANAGER_LOG_LEVEL,
		postgres: { host: environment.PGHOST },
	}));

export type Environment = z.output<typeof environmentSchema>;

/**
 * Reads the environment variables. Their defaults are those of an appliance; a developer's
 * machine and tests set others. `pg` itself reads PGPORT, PGPASSWORD and other libpq variables.
 * @throws Error naming each invalid variable.
 */
export function readEnvironment(environment: NodeJS.ProcessEnv): Environment {
	const result = environmentSchema.safeParse(environment);
	if (!result.success)
		throw new Error(`Invalid environment:\n${z.prettifyError(result.error)}`);
	return result.data;
}
