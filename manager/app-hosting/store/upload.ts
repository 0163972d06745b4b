import type { FastifyInstance } from "fastify";
import type { Login } from "../../access/login/login.ts";
import { serveUploadStream } from "../../api/upload-stream.ts";
import type { Store } from "./store.ts";

/**
 * `POST /app-archive` with a tar archive of a store that has one app: it is installed, as from the
 * app store. For developers, who have switched their mode on.
 */
export function serveAppUpload(
	api: FastifyInstance,
	store: Store,
	login: Login,
): void {
	serveUploadStream(api, login, {
		method: "POST",
		name: "app-archive",
		contentType: "application/x-tar",
		refuse: () => store.refuseUnlessDeveloperMode(),
		receive: (archive) => store.installArchive(archive),
	});
}
