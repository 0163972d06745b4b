import { outputOf } from "../steps.ts";
import type { Fixture } from "./fixture.ts";

const inHomeOfAdmin = [
	"Bericht März (Kopie).txt",
	"Größe".normalize("NFD"),
	"-rf",
];

/** Files in both home directories and a core dump. Reads all files that an update must keep, by hash. */
export const homeFiles: Fixture = {
	async create({ root, writeFile }) {
		for (const name of inHomeOfAdmin)
			await writeFile(`/home/admin/${name}`, `of admin: ${name}\n`);
		await outputOf(
			root,
			`set -e
			umask 077
			cd /home/root
			echo "of root" >secret
			printf '#!/bin/sh\\necho hello\\n' >script.sh
			chmod 755 script.sh
			ln -s script.sh link
			head -c 9000000 /dev/urandom >/home/admin/9000000
			chown admin:admin /home/admin/9000000`,
		);
		// Calls the image's handler as the kernel does; in a container the host's handler would run.
		await outputOf(
			root,
			`sleep 1000 &
			pid=$!
			cd /tmp && gdb --pid $pid -ex gcore --batch
			/usr/lib/app-platform/store-core-dump $pid $(date +%s) <core.$pid
			kill $pid
			ls /var/log/core_dumps/sleep/core.$pid.*.zst`,
			{ timeoutMs: 150_000 },
		);
	},

	async read({ root }) {
		// Without what each login, start or machine changes.
		const list = await outputOf(
			root,
			`cd /mnt/sda2
			find home log/core_dumps system pgsql/pg_hba.conf pgsql/postgresql.conf ! -type d |
				grep -v -e '_history$' -e ^system/update/ -e /known-clients.json$ -e /password.hash$ \\
					-e ^system/app-quotas$ -e ^system/system-uuid$ -e ^system/manager/manager.cache | LC_ALL=C sort |
				while read -r file; do
					echo "$(stat -c '%a %U:%G' "$file") $(sha256sum <"$file" | cut -c 1-64) $file"
				done`,
			{ timeoutMs: 300_000 },
		);
		return list.trim().split("\n");
	},
};
