import { Socket } from "node:net";
import { Client, type ClientConfig } from "pg";

/** A database of which somebody else decides what it contains, and its owner's credentials. */
export interface ForeignDatabase {
	database: string;
	user: string;
	password: string;
}

/** A server that sends more is not answering but attacking. */
const maxReceivedBytes = 16 * 1024 * 1024;
/**
 * Settings that the owner of a database or a role could have changed with ALTER … SET, and that run code, change the
 * meaning of statements or prevent them. Those of the client win. Names that the server does not know are left out.
 */
const settings: Readonly<Record<string, string>> = {
	search_path: "pg_catalog,pg_temp",
	local_preload_libraries: "",
	role: "none",
	row_security: "on",
	default_transaction_read_only: "off",
	default_transaction_deferrable: "off",
	default_transaction_isolation: "read committed",
	statement_timeout: "0",
	lock_timeout: "60s",
	transaction_timeout: "0",
	idle_in_transaction_session_timeout: "0",
	idle_session_timeout: "0",
	standard_conforming_strings: "on",
	transform_null_equals: "off",
	quote_all_identifiers: "off",
	default_tablespace: "",
	temp_tablespaces: "",
	default_table_access_method: "heap",
	client_min_messages: "error",
	vacuum_cost_delay: "0",
};

/** Each version of PostgreSQL knows some of these. */
export const foreignSettingNames = Object.keys(settings);

/**
 * Connects as the owner, so that nothing in the database can do more than its owner, and nothing leads back to another
 * role. Destroying the socket ends the session for this side only.
 * @param known names of settings that the server has.
 */
export function foreignClient(
	server: ClientConfig,
	{ database, user, password }: ForeignDatabase,
	known: readonly string[],
): { client: Client; socket: Socket } {
	const socket = new Socket();
	let receivedBytes = 0;
	socket.on("data", (data) => {
		receivedBytes += data.length;
		if (receivedBytes > maxReceivedBytes)
			socket.destroy(
				new Error(
					`The database ${database} answers with more than ${maxReceivedBytes} bytes`,
				),
			);
	});
	const client = new Client({
		...server,
		...{ database, user, password, options: startOptions(known) },
		stream: () => socket,
	});
	client.on("error", () => {}); // The running query fails as well and reports it.
	return { client, socket };
}

/** In the format of the server's command line: blanks and backslashes are escaped. */
function startOptions(known: readonly string[]): string {
	return Object.entries(settings)
		.filter(([name]) => known.includes(name))
		.map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, "\\$&")}`)
		.join(" ");
}
