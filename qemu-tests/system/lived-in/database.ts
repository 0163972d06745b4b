import { databaseRelay } from "../database-relay.ts";
import { outputOf } from "../steps.ts";
import { instanceNamed, outsideNotes } from "./apps.ts";
import type { Fixture } from "./fixture.ts";

const port = 5433;
const relay = "/home/root/database-host.cjs";
const crontab = "/mnt/sda2/system/crontabs/root";
const settings = "/mnt/sda2/pgsql";

/** Edited PostgreSQL configuration, and an instance with an external database that a crontab keeps running. */
export const database: Fixture = {
	async create({ root, call, writeFile }) {
		await outputOf(
			root,
			`set -e
			cp ${settings}/pg_hba.conf /home/root/pg_hba.conf.original
			echo "# of the owner" >>${settings}/pg_hba.conf
			echo "host all all 192.0.2.0/24 scram-sha-256" >>${settings}/pg_hba.conf
			echo "work_mem = '7MB' # of the owner" >>${settings}/postgresql.conf
			/etc/init.d/S50postgresql restart`,
			{ timeoutMs: 300_000 },
		);
		await writeFile("/tmp/relay", `${databaseRelay(port)}\n`);
		await outputOf(
			root,
			`set -e
			echo 'tcp dport ${port} accept' >/mnt/sda2/system/apps-tunnel.nft
			nft -f /etc/nftables/apps.nft
			cp /tmp/relay ${relay}
			rm /tmp/relay
			echo '* * * * * pgrep -f "^node ${relay}" >/dev/null || node ${relay}' >${crontab}
			chmod 600 ${crontab}
			/etc/init.d/S62cron restart`,
			{ timeoutMs: 120_000 },
		);
		await outputOf(
			root,
			`seconds=0
			until pgrep -f "^node ${relay}"; do
				seconds=$((seconds + 1))
				[ $seconds -lt 150 ] || exit 1
				sleep 1
			done`,
			{ timeoutMs: 200_000 },
		);
		const { id } = await instanceNamed(call, outsideNotes);
		const externalHost = { address: `127.0.0.1:${port}` };
		const { databasePassword } = (await call("instanceCredentials", {
			id,
		})) as { databasePassword: string };
		await call("instanceEdit", { id, externalHost, databasePassword });
	},

	async read({ root }) {
		const query = (sql: string) =>
			outputOf(root, `psql -d manager -Atc "${sql}"`);
		return {
			workMemory: await query("SHOW work_mem"),
			listens: await query("SHOW listen_addresses"),
			rule: await query(
				"SELECT type, address, netmask, auth_method FROM pg_hba_file_rules WHERE address = '192.0.2.0'",
			),
			databases: await query(
				"SELECT datname, datdba::regrole FROM pg_database ORDER BY 1",
			),
			roles: await query(
				"SELECT rolname, rolsuper, md5(rolpassword) FROM pg_authid WHERE left(rolname, 3) <> 'pg_' ORDER BY 1",
			),
			crontab: await outputOf(root, `cat ${crontab}`),
		};
	},
};
