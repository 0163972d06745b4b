import { constants } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { proxyUpgrade } from "httpxy";

/** A plain proxy in Node with arguments CERTIFICATE PORT SOCKET. Notifies its parent once it listens. */
const [certificate, port, socketPath] = process.argv.slice(2) as [
	string,
	string,
	string,
];
const pem = readFileSync(certificate);
const server = createServer({
	key: pem,
	cert: pem,
	secureOptions: constants.SSL_OP_NO_TICKET,
});
server.on("upgrade", (request, socket, head) => {
	proxyUpgrade({ socketPath }, request, socket, head).catch(() => {});
});
server.listen(Number(port), "127.0.0.1", () => process.send?.("listening"));
process.once("disconnect", () => process.exit());
