import { runService } from "../../sdk/index.ts";

// Serves its files, for tests; what is not there has an answer of its own.
runService(async (instance) => {
	await instance.serveFiles("web", { immutable: /^assets\//g });
	instance.onRequest(({ method, url }, response) => {
		response.writeHead(404).end(`${method} ${url} is for the app`);
	});
});
