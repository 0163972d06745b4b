import { parentPort, workerData } from "node:worker_threads";
import {
	type ConnectionResult,
	type ConnectionTarget,
	toProblem,
} from "./connection-result.ts";
import { connectToMysql } from "./mysql.ts";
import { connectToPostgresql } from "./postgresql.ts";

// Runs in a worker thread: see connection-test.ts.
const limits = { timeoutMs: 5_000, maxBytes: 1024 * 1024 };

async function main(target: ConnectionTarget): Promise<ConnectionResult> {
	try {
		return target.kind === "mysql"
			? await connectToMysql(target, limits)
			: await connectToPostgresql(target, limits);
	} catch (error) {
		return { problem: toProblem(error) };
	}
}

void main(workerData).then((result) => parentPort?.postMessage(result));
