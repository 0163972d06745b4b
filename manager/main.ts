import { Alarms } from "./alarms/alarms.ts";
import { alarmOperations } from "./alarms/operations.ts";
import { ManagerAppWebsocket } from "./app-websocket/app-websocket.ts";
import { Acme } from "./certificate/acme/acme.ts";
import { acmeOperations } from "./certificate/acme/operations.ts";
import { Certificate } from "./certificate/certificate.ts";
import { certificateOperations } from "./certificate/operations.ts";
import { Config } from "./config/config.ts";
import { Database } from "./database/database.ts";
import { databaseOperations } from "./database/operations.ts";
import { Optimization } from "./database/optimization.ts";
import { optimizationOperations } from "./database/optimization-operations.ts";
import { DnsName } from "./dns-name/dns-name.ts";
import { dnsNameOperations } from "./dns-name/operations.ts";
import { CleanUps } from "./instances/clean-up.ts";
import { ConnectionTests } from "./instances/connection-test/connection-test.ts";
import { instanceDatabaseOperations } from "./instances/database-operations.ts";
import { Instances } from "./instances/instances.ts";
import { instanceOperations } from "./instances/operations.ts";
import { runParts } from "./lifecycle/lifecycle.ts";
import { createLog } from "./log/log.ts";
import { Login } from "./login/login.ts";
import { loginOperations } from "./login/operations.ts";
import { type OperationTable, operationTable } from "./operations/operation.ts";
import { Reserve } from "./reserve/reserve.ts";
import { WebServer } from "./server/server.ts";
import { serviceOperations } from "./services/operations.ts";
import { Services } from "./services/services.ts";
import { readSettings } from "./settings/settings.ts";
import { storeOperations } from "./store/operations.ts";
import { Store } from "./store/store.ts";
import { systemOperations } from "./system/operations.ts";
import { tokenOperations } from "./tokens/operations.ts";
import { Tokens } from "./tokens/tokens.ts";
import { updateOperations } from "./update/operations.ts";
import { Updates } from "./update/updates.ts";
import { Routes } from "./web-routes/routes.ts";

// What the manager consists of …
const settings = readSettings(process.env);
const log = createLog(settings.logLevel);
const database = new Database(settings.postgres, log);
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
const operations: OperationTable = operationTable([
	...loginOperations(login, settings.setPasswordsCommand),
	...alarmOperations(alarms),
	...tokenOperations(tokens, (name) => operations.get(name)),
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
	{ operations, updates, store, appWebsocket, challenges: acme.challenges },
	{ login, tokens },
	log,
);

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
