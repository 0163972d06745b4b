import { parentPort, workerData } from "node:worker_threads";
import { lookAtMysql } from "./mysql.ts";
import { lookAtPostgresql } from "./postgresql.ts";
import { problemOf } from "./problem.ts";
import type { ConnectionResult, ConnectionTarget } from "./target.ts";

// Runs in a thread of its own: see connection-test.ts.
const limits = { limitMs: 5_000, mostBytes: 1024 * 1024 };

async function main(target: ConnectionTarget): Promise<ConnectionResult> {
	try {
		return target.kind === "mysql"
			? await lookAtMysql(target, limits)
			: await lookAtPostgresql(target, limits);
	} catch (error) {
		return { problem: problemOf(error) };
	}
}

void main(workerData).then((result) => parentPort?.postMessage(result));
