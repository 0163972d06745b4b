import { outputOf } from "../steps.ts";
import type { Fixture } from "./fixture.ts";

const directory = "/var/log/apps/left-over";
const files = 12;
export const fullPercent = 80;

/** Logs of an uninstalled service that fill most of the disk. Blocks are allocated, not written. */
export const logs: Fixture = {
	async create({ root }) {
		await outputOf(
			root,
			`set -e
			mkdir ${directory}
			cd ${directory}
			head -c 1000000 /var/log/messages >@4000000065000000.s
			free=$(df -k /mnt/sda2 | awk 'END { printf "%d", ($3 + $4) * ${fullPercent} / 100 - $3 }')
			number=10
			while [ $number -lt ${10 + files} ]; do
				fallocate -l $((free / ${files}))KiB @40000000650000$number.s
				number=$((number + 1))
			done`,
			{ timeoutMs: 300_000 },
		);
	},

	async read({ root }) {
		return outputOf(
			root,
			`cd ${directory} && stat -c '%s %n' * && sha256sum @4000000065000000.s`,
		);
	},
};
