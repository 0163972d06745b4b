import { Login } from "./access/login/login.ts";
import { loginOperations } from "./access/login/operations.ts";
import { tokenOperations } from "./access/tokens/operations.ts";
import { Tokens } from "./access/tokens/tokens.ts";
import { Alarms } from "./alarms/alarms.ts";
import { alarmOperations } from "./alarms/operations.ts";
import { ManagerAppWebsocket } from "./api/app-websocket/app-websocket.ts";
import { WebServer } from "./api/server.ts";
import { CleanUps } from "./app-hosting/instances/clean-up.ts";
import { ConnectionTests } from "./app-hosting/instances/connection-test/connection-test.ts";
import { instanceDatabaseOperations } from "./app-hosting/instances/database-operations.ts";
import { Instances } from "./app-hosting/instances/instances.ts";
import { instanceOperations } from "./app-hosting/instances/operations.ts";
import { serviceOperations } from "./app-hosting/service-operations.ts";
import { Services } from "./app-hosting/services/services.ts";
import {
	storeOperations,
	storeUploads,
} from "./app-hosting/store/operations.ts";
import { Store } from "./app-hosting/store/store.ts";
import { databaseOperations } from "./data/operations.ts";
import { Optimization } from "./data/optimization.ts";
import { optimizationOperations } from "./data/optimization-operations.ts";
import { Database } from "./database/database.ts";
import { Acme } from "./device/certificate/acme/acme.ts";
import { acmeOperations } from "./device/certificate/acme/operations.ts";
import { Certificate } from "./device/certificate/certificate.ts";
import { certificateOperations } from "./device/certificate/operations.ts";
import { DnsName } from "./device/dns-name/dns-name.ts";
import { dnsNameOperations } from "./device/dns-name/operations.ts";
import { Reserve } from "./device/reserve/reserve.ts";
import { systemOperations } from "./device/system/operations.ts";
import { updateOperations } from "./device/update/operations.ts";
import { Updates } from "./device/update/updates.ts";
import { updateUploads } from "./device/update/uploads.ts";
import { readSettings } from "./environment/environment.ts";
import { migrations } from "./migrations.ts";
import {
	type OperationTable,
	operationTable,
	type TokenUse,
} from "./operations/operation.ts";
import { tokenUseOf } from "./operations/stream-operation.ts";
import { Config } from "./settings/config.ts";
import { runParts } from "./shared/lifecycle.ts";
import { createLog } from "./shared/log.ts";
import { Routes } from "./web-server/routes.ts";

// What the manager consists of …
const settings = readSettings(process.env);
const log = createLog(settings.logLevel);
const database = new Database(settings.postgres, migrations, log);
const config = new Config(database);
const alarms = new Alarms(database, log);
const login = new Login(config, settings.passwordKeyFile, log);
const tokens = new Tokens(database, log);
const reserve = new Reserve(
	settings.dataDirectory,
	settings.reserveSizeBytes,
	log,
);
const updates = new Updates(settings.updates, database, log);
const routes = new Routes(settings.routes, log);
const certificate = new Certificate(
	settings.certificate,
	database,
	config,
	alarms,
	log,
);
const acme = new Acme(
	settings.acmeAuthoritiesFile,
	database,
	config,
	certificate,
	log,
);
const services = new Services(settings.services, database, alarms, log);
certificate.listen((certificates) =>
	services.announce({ mt: "CertificateChanged", certificates }),
);
const dnsName = new DnsName(
	database,
	config,
	(name) => services.announce({ mt: "DnsNameChanged", dnsName: name }),
	log,
);
const instances = new Instances(
	database,
	settings.postgres.host,
	services,
	routes,
	log,
);
const cleanUps = new CleanUps(database, settings.dataDirectory, log);
const optimization = new Optimization(database, config, log);
const store = new Store(config, database, services, settings.store, log);
const streams = [...updateUploads(updates), ...storeUploads(store)];
const operations = operationTable([
	...loginOperations(login, settings.setPasswordsCommand),
	...alarmOperations(alarms),
	...tokenOperations(tokens, (name: string): TokenUse | undefined =>
		tokenUseOf(name, operations, streams),
	),
	...systemOperations(settings.releaseFile),
	...databaseOperations(database),
	...updateOperations(updates),
	...certificateOperations(certificate, acme),
	...acmeOperations(acme),
	...dnsNameOperations(dnsName),
	...storeOperations(store),
	...serviceOperations(services, instances, store),
	...instanceOperations(instances, cleanUps, database),
	...instanceDatabaseOperations(
		instances,
		cleanUps,
		new ConnectionTests(),
		settings.postgres.host,
	),
	...optimizationOperations(optimization),
]);
const appWebsocket = new ManagerAppWebsocket(login, settings.releaseFile, log);
const webServer = new WebServer(
	settings.listen,
	{ operations, streams, appWebsocket, challenges: acme.challenges },
	{ login, tokens },
	log,
);

/** What pages can call. */
export type ManagerOperation =
	typeof operations extends OperationTable<infer Known> ? Known : never;

// … and the order in which it starts. It stops in the reverse order.
// Pages come first, so that somebody who looks is told what is still missing.
log.info(
	{ version: MANAGER_VERSION, build: MANAGER_BUILD, node: process.version },
	"App Platform manager starts",
);
void runParts(log, [
	...[webServer, database, alarms, reserve, updates],
	...[
		routes,
		certificate,
		acme,
		dnsName,
		services,
		instances,
		store,
		optimization,
	],
]);
