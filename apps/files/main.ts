import {
	BasicAuthentication,
	runService,
	StaticFiles,
} from "../../sdk/index.ts";
import { serveDav } from "./dav.ts";
import { DavError } from "./dav-error.ts";
import { Exchange } from "./exchange.ts";
import { parsePath } from "./paths.ts";
import { Storage } from "./storage.ts";

// Files in the database, for WebDAV clients at `dav/` and for browsers.
runService(async (instance) => {
	const { name, domain, password, webServer } = instance.arguments;
	const authentication = new BasicAuthentication(
		password,
		`${name}@${domain}`,
		instance.guesses,
	);
	const storage = await Storage.open(instance);
	const pages = await StaticFiles.open("web");
	instance.onRequest(async (request, response) => {
		if (!(await authentication.admits(request, response))) return;
		const { method, url = "/" } = request;
		instance.trace("webDav", `${method} ${url}`);
		if (method === "GET" && url === "/")
			return void response.writeHead(302, { location: "dav/" }).end();
		const path = pathOf(url);
		if (typeof path === "number") return void response.writeHead(path).end();
		await serveDav(
			new Exchange(request, response, {
				storage,
				pages,
				path,
				instancePath: webServer.path,
			}),
		);
	});
	instance.webSockets.on("connection", (socket) => socket.terminate());
});

/** @returns the path, or the status of the answer if the URL names no file. */
function pathOf(url: string) {
	try {
		return parsePath(url) ?? 404;
	} catch (error) {
		if (error instanceof DavError) return error.status;
		throw error;
	}
}
