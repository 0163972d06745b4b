import { WebSocket } from "ws";
import {
	type AppLogin,
	isValidLogin,
} from "../../../sdk/app-websocket/digest.ts";
import {
	type AppMessage,
	AppSession,
	type LoginResult,
} from "../../../sdk/app-websocket/session.ts";
import type { Login } from "../../access/login/login.ts";
import { readRelease } from "../../device/system/release.ts";
import type { Log } from "../../shared/log.ts";
import { describeFailure } from "../call.ts";
import { PendingLogins } from "./pending-logins.ts";

/** The app name with which clients log in. */
const loginName = "manager";
const maxUnreadBytes = 256 * 1024;
const loggedOut = 4401;
const tooMany = 4429;

/** The manager's AppWebsocket protocol at `/manager`, for the PBX and its clients. */
export class ManagerAppWebsocket {
	readonly #login: Login;
	readonly #releaseFile: string;
	readonly #log: Log;
	readonly #pendingLogins = new PendingLogins();
	/** Read once, so that requests cannot cause repeated file reads. */
	#info: ReturnType<typeof readPlatformInfo> | undefined;

	constructor(login: Login, releaseFile: string, log: Log) {
		this.#login = login;
		this.#releaseFile = releaseFile;
		this.#log = log;
	}

	/** @param address of the client. */
	accept(socket: WebSocket, address: string | undefined): void {
		const endPendingLogin = this.#pendingLogins.add(
			address,
			this.#login.isKnownAddress(address),
			() => {
				socket.close(tooMany, "too many pending logins");
				socket.terminate();
			},
		);
		socket.on("close", endPendingLogin);
		socket.on("error", (error) =>
			this.#log.debug({ err: error }, "AppWebsocket connection failed"),
		);
		socket.on("message", () => {
			// Answers must not pile up for a client that does not read them.
			if (socket.bufferedAmount > maxUnreadBytes) socket.terminate();
		});
		new AppSession(socket, {
			password: (login, challenge) =>
				this.#logIn(socket, login, challenge, address),
			opened: (session) => {
				endPendingLogin();
				return (request) => void this.#answer(session, request);
			},
		});
	}

	/** Follows the same rules and limits as the page's login. */
	async #logIn(
		socket: WebSocket,
		login: AppLogin,
		challenge: string,
		address: string | undefined,
	): Promise<LoginResult> {
		try {
			const removeListener = await this.#login.logInByDigest(
				(password) =>
					login.app === loginName && isValidLogin(login, challenge, password),
				address,
				() => socket.close(loggedOut, "please log in again"),
			);
			if (socket.readyState === WebSocket.CLOSED) removeListener();
			else socket.on("close", removeListener);
			return { ok: true };
		} catch (error) {
			return { ok: false, ...this.#toErrorFields(error) };
		}
	}

	/** Answers every request, unknown ones with an error, since clients wait for an answer. */
	async #answer(session: AppSession, request: AppMessage): Promise<void> {
		if (request.mt !== "AppPlatformInfoRequest" || request.api)
			return session.answer(request, {
				mt: `${request.mt}Result`,
				error: "unknownMessage",
				errorText: "The manager does not know this message.",
			});
		this.#info ??= readPlatformInfo(this.#releaseFile);
		const info = await this.#info.catch((error) => this.#toErrorFields(error));
		session.answer(request, { mt: "AppPlatformInfoResult", ...info });
	}

	#toErrorFields(error: unknown) {
		const { code, message } = describeFailure(error, this.#log).error;
		return { error: code, errorText: message };
	}
}

/** Version and build of the image, or of the manager outside an image. */
async function readPlatformInfo(releaseFile: string) {
	const release = await readRelease(releaseFile);
	return {
		version: release?.version ?? MANAGER_VERSION,
		build: release?.build ?? MANAGER_BUILD,
		platform: release?.target,
	};
}
