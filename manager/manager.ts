import { Login } from "./access/login/login.ts";
import { loginOperations } from "./access/login/operations.ts";
import { tokenOperations } from "./access/tokens/operations.ts";
import { Tokens } from "./access/tokens/tokens.ts";
import { Alarms } from "./alarms/alarms.ts";
import { alarmOperations } from "./alarms/operations.ts";
import { ApiServer } from "./api/api-server.ts";
import { ManagerAppWebsocket } from "./api/app-websocket/app-websocket.ts";
import { ManagerOrigin } from "./api/manager-origin.ts";
import type { PageServer } from "./api/page-server.ts";
import { CleanUps } from "./app-hosting/instances/clean-up.ts";
import { ConnectionTests } from "./app-hosting/instances/connection-test/connection-test.ts";
import { DatabaseLimits } from "./app-hosting/instances/database-limits.ts";
import { instanceDatabaseOperations } from "./app-hosting/instances/database-operations.ts";
import type { Instance } from "./app-hosting/instances/instance-table.ts";
import { Instances } from "./app-hosting/instances/instances.ts";
import { instanceOperations } from "./app-hosting/instances/operations.ts";
import {
	databasePasswords,
	instancePasswords,
} from "./app-hosting/instances/schema.ts";
import { serviceOperations } from "./app-hosting/service-operations.ts";
import { FileLimits } from "./app-hosting/services/file-limits.ts";
import { Services } from "./app-hosting/services/services.ts";
import {
	storeOperations,
	storeUploads,
} from "./app-hosting/store/operations.ts";
import { Store } from "./app-hosting/store/store.ts";
import { StoreTrust } from "./app-hosting/store/store-trust.ts";
import { databaseOperations } from "./data/operations.ts";
import { Optimization } from "./data/optimization.ts";
import { optimizationOperations } from "./data/optimization-operations.ts";
import { Sealing } from "./data/sealing.ts";
import { Database } from "./database/database.ts";
import { Acme, acmeRow } from "./device/certificate/acme/acme.ts";
import { acmeOperations } from "./device/certificate/acme/operations.ts";
import {
	Certificate,
	certificateRow,
} from "./device/certificate/certificate.ts";
import { certificateOperations } from "./device/certificate/operations.ts";
import { Reserve } from "./device/reserve/reserve.ts";
import { systemOperations } from "./device/system/operations.ts";
import { updateOperations } from "./device/update/operations.ts";
import { Updates } from "./device/update/updates.ts";
import { updateUploads } from "./device/update/uploads.ts";
import { readEnvironment } from "./environment/environment.ts";
import { readListenAddress } from "./environment/listen-address.ts";
import { Jobs } from "./jobs/jobs.ts";
import { jobOperations } from "./jobs/operations.ts";
import { migrations } from "./migrations.ts";
import {
	type OperationTable,
	operationTable,
	type TokenUse,
} from "./operations/operation.ts";
import { tokenUseOf } from "./operations/stream-operation.ts";
import { ConfigTable } from "./settings/config-table.ts";
import { settingOperations } from "./settings/operations.ts";
import { Settings } from "./settings/settings.ts";
import { runParts } from "./shared/lifecycle.ts";
import { createLog } from "./shared/log.ts";
import { Scheduler } from "./shared/scheduler.ts";
import { MachineKey, Secrets } from "./shared/secrets.ts";
import { Routes } from "./web-server/routes.ts";

// What the manager consists of.
const environment = readEnvironment(process.env);
const log = createLog(environment.logLevel);
const database = new Database(environment.postgres, migrations, log);
const machineKey = new MachineKey(environment.machineKeyFile);
const secrets = new Secrets(machineKey);
const config = new ConfigTable(database, secrets);
const settings = new Settings(
	config,
	database,
	{ appStoreUrl: environment.store.url },
	log,
);
const scheduler = new Scheduler(log);
const alarms = new Alarms(database, log);
const login = new Login(
	config,
	settings,
	environment.accessDirectory,
	machineKey,
	log,
);
const tokens = new Tokens(database, log);
const reserve = new Reserve(environment.reserve, log);
const jobs = new Jobs();
const sealing = new Sealing(
	database,
	secrets,
	[instancePasswords, databasePasswords, certificateRow, acmeRow],
	alarms,
	scheduler,
	log,
);
const routes = new Routes(environment.routes, log);
const certificate = new Certificate(
	environment.certificate,
	database,
	config,
	alarms,
	scheduler,
	log,
);
const acme = new Acme(
	environment.acmeAuthoritiesFile,
	database,
	config,
	certificate,
	jobs,
	scheduler,
	log,
);
const fileLimits = new FileLimits(
	environment.appQuotasCommand,
	environment.dataDirectory,
	database,
	settings,
	config,
	alarms,
	scheduler,
	log,
);
const services = new Services(
	environment.services,
	database,
	fileLimits,
	alarms,
	scheduler,
	log,
);
const origin = new ManagerOrigin(
	readListenAddress(process.env).kind === "socket",
	environment.webServerPorts,
	settings,
);
certificate.watch((certificates) => {
	origin.setCertificate(certificates);
	services.announce({ mt: "CertificateChanged", certificates });
});
settings.watch("managerHostName", (name) => {
	routes.setManagerName(name);
	for (const part of [certificate, acme])
		part
			.setManagerName(name ?? undefined)
			.catch((error) =>
				log.warn(
					{ err: error },
					`${part.name} does not have the manager's host name yet`,
				),
			);
});
settings.watch("dnsName", (name) => {
	services.announce({ mt: "DnsNameChanged", dnsName: name ?? undefined });
	certificate
		.setDnsName(name ?? undefined)
		.catch((error) =>
			log.warn(
				{ err: error },
				"the device's own certificate does not have the DNS name yet",
			),
		);
});
const instances = new Instances(
	database,
	secrets,
	environment.postgres.host,
	services,
	routes,
	log,
);
const databaseLimits = new DatabaseLimits({
	...{ database, instances, jobs, settings, config, alarms, scheduler, log },
	dataDirectory: environment.dataDirectory,
});
const updates = new Updates(
	environment.updates,
	database,
	[sealing, databaseLimits],
	jobs,
	log,
);
const ownerOf = (instance: Instance) => databaseLimits.ownerOf(instance);
const cleanUps = new CleanUps(
	database,
	ownerOf,
	environment.dataDirectory,
	jobs,
	log,
);
const optimization = new Optimization(
	database,
	async () => (await instances.ready()).map(ownerOf),
	settings,
	jobs,
	scheduler,
	log,
);
const store = new Store(
	settings,
	new StoreTrust(config, environment.store.keysDirectory),
	database,
	services,
	jobs,
	environment.store.directory,
	log,
);
const streams = [...updateUploads(updates), ...storeUploads(store)];
const operations = operationTable([
	...loginOperations(login, environment.setPasswordsCommand),
	...alarmOperations(alarms),
	...jobOperations(jobs),
	...tokenOperations(tokens, (name: string): TokenUse | undefined =>
		tokenUseOf(name, operations, streams),
	),
	...systemOperations(environment.releaseFile),
	...databaseOperations(database),
	...updateOperations(updates, jobs),
	...certificateOperations(certificate, acme),
	...acmeOperations(acme, jobs),
	...settingOperations(settings),
	...storeOperations(store),
	...serviceOperations(services, instances, store, jobs),
	...instanceOperations(instances, cleanUps, database, jobs),
	...instanceDatabaseOperations(
		instances,
		cleanUps,
		new ConnectionTests(),
		environment.postgres.host,
	),
	...optimizationOperations(optimization, settings, jobs),
]);
const appWebsocket = new ManagerAppWebsocket(
	login,
	environment.releaseFile,
	log,
);
/** The operations that pages can call. */
export type ManagerOperation =
	typeof operations extends OperationTable<infer Known> ? Known : never;

/** Starts the parts in their order. They stop in reverse order. */
export function startManager(pages: PageServer): void {
	const apiServer = new ApiServer(
		pages,
		{ operations, streams, appWebsocket, challenges: acme.challenges },
		{ login, tokens, origin },
		log,
	);
	log.info(
		{ version: MANAGER_VERSION, build: MANAGER_BUILD, node: process.version },
		"App Platform manager starts",
	);
	void runParts(log, [
		...[apiServer, database, alarms, reserve, sealing, updates],
		...[
			routes,
			certificate,
			acme,
			settings,
			services,
			instances,
			store,
			scheduler,
		],
	]);
}
