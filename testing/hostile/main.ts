import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { runService } from "../../sdk/index.ts";

// An app that somebody has broken into: it runs the body of a POST as a shell command, and answers with its exit
// code and output. What the command starts in the background keeps running.
runService((instance) => {
	instance.onRequest(async (request, response) => {
		const command = await text(request);
		const child = spawn("sh", ["-c", command], {
			stdio: ["ignore", "pipe", "pipe"],
		});
		const chunks: Buffer[] = [];
		for (const stream of [child.stdout, child.stderr])
			stream.on("data", (chunk: Buffer) => chunks.push(chunk));
		child.once("error", (error) =>
			response.end(JSON.stringify({ exitCode: -1, output: error.message })),
		);
		child.once("exit", (exitCode) =>
			// The rest of the output.
			setImmediate(() =>
				response.end(
					JSON.stringify({
						exitCode: exitCode ?? -1,
						output: Buffer.concat(chunks).toString(),
					}),
				),
			),
		);
	});
});
