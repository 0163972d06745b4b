import { runService } from "../../sdk/index.ts";

// Serves its files, for tests; the handler answers requests for missing files.
runService(async (instance) => {
	await instance.serveFiles("web", { immutable: /^assets\//g });
	instance.onRequest(({ method, url }, response) => {
		response.writeHead(404).end(`${method} ${url} is for the app`);
	});
});
