import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { runService } from "../../sdk/index.ts";

const types: Record<string, string> = {
	html: "text/html",
	js: "text/javascript",
};

// Serves the page whose script attacks the manager, with the headers that help it.
runService((instance) => {
	instance.onRequest(async ({ url = "" }, response) => {
		const name = new URL(url, "http://app").pathname.split("/").at(-1);
		const file = ["attacks.js", "worker.js"].find((known) => known === name);
		response.writeHead(200, {
			"content-type": types[file?.split(".")[1] ?? "html"],
			// A page with the policy of the manager's pages may keep a window that it opens with them.
			"cross-origin-opener-policy": "same-origin",
			"service-worker-allowed": "/",
		});
		response.end(
			await readFile(
				join(import.meta.dirname ?? __dirname, "web", file ?? "index.html"),
			),
		);
	});
});
