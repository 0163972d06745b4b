import { Config } from "./config/config.ts";
import { Database } from "./database/database.ts";
import { databaseOperations } from "./database/operations.ts";
import { runParts } from "./lifecycle/lifecycle.ts";
import { createLog } from "./log/log.ts";
import { Login } from "./login/login.ts";
import { loginOperations } from "./login/operations.ts";
import { operationTable } from "./operations/operation.ts";
import { Reserve } from "./reserve/reserve.ts";
import { WebServer } from "./server/server.ts";
import { readSettings } from "./settings/settings.ts";
import { systemOperations } from "./system/operations.ts";
import { updateOperations } from "./update/operations.ts";
import { Updates } from "./update/updates.ts";

// What the manager consists of …
const settings = readSettings(process.env);
const log = createLog(settings.logLevel);
const database = new Database(settings.postgres, log);
const config = new Config(database);
const login = new Login(config, log);
const reserve = new Reserve(
	settings.dataDirectory,
	settings.reserveSizeBytes,
	log,
);
const updates = new Updates(settings.updates, database, log);
const operations = operationTable([
	...loginOperations(login),
	...systemOperations(settings.releaseFile),
	...databaseOperations(database),
	...updateOperations(updates),
]);
const webServer = new WebServer(
	settings.listen,
	{ operations, updates },
	login,
	log,
);

// … and the order in which it starts. It stops in the reverse order.
// Pages come first, so that somebody who looks is told what is still missing.
log.info(
	{ version: MANAGER_VERSION, build: MANAGER_BUILD, node: process.version },
	"App Platform manager starts",
);
void runParts(log, [webServer, database, reserve, updates]);
