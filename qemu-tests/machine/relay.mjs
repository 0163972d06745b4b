// node relay.mjs PORT: QEMU starts it for each connection of a guest to a service of this host. Relays between its
// standard input and output and that port of 127.0.0.1.
import { connect, Socket } from "node:net";

const guest = new Socket({ fd: 0, readable: true, writable: true });
const service = connect(Number(process.argv[2]), "127.0.0.1");
guest.pipe(service).pipe(guest);
for (const end of [guest, service]) end.on("error", () => process.exit(1));
