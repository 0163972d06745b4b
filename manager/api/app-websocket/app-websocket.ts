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
import { Waiting } from "./waiting.ts";

/** Clients say that this is the app they want, and the name by which they log in to it. */
const loginName = "manager";
const mostUnreadBytes = 256 * 1024;
const loggedOut = 4401;
const tooMany = 4429;

/** The manager as PBX and clients see it at `/manager`: by the AppWebsocket protocol. */
export class ManagerAppWebsocket {
	readonly #login: Login;
	readonly #releaseFile: string;
	readonly #log: Log;
	readonly #waiting = new Waiting();
	/** Asked for once: nobody can have it read again and again. */
	#info: ReturnType<typeof readPlatformInfo> | undefined;

	constructor(login: Login, releaseFile: string, log: Log) {
		this.#login = login;
		this.#releaseFile = releaseFile;
		this.#log = log;
	}

	/** @param address of who has opened the WebSocket. */
	accept(socket: WebSocket, address: string | undefined): void {
		const leave = this.#waiting.enter(address);
		if (!leave) {
			socket.close(tooMany, "too many who have not logged in");
			socket.terminate();
			return;
		}
		socket.on("close", leave);
		socket.on("error", (error) =>
			this.#log.debug({ err: error }, "an AppWebsocket was broken off"),
		);
		socket.on("message", () => {
			// Who asks without reading the answers must not have them pile up here.
			if (socket.bufferedAmount > mostUnreadBytes) socket.terminate();
		});
		new AppSession(socket, {
			password: (login, challenge) =>
				this.#logIn(socket, login, challenge, address),
			opened: (session) => {
				leave();
				return (request) => void this.#answer(session, request);
			},
		});
	}

	/** As the page's login does: by the same rules, counted in the same limits. */
	async #logIn(
		socket: WebSocket,
		login: AppLogin,
		challenge: string,
		address: string | undefined,
	): Promise<LoginResult> {
		try {
			const forget = await this.#login.logInByDigest(
				(password) =>
					login.app === loginName && isValidLogin(login, challenge, password),
				address,
				() => socket.close(loggedOut, "please log in again"),
			);
			if (socket.readyState === WebSocket.CLOSED) forget();
			else socket.on("close", forget);
			return { ok: true };
		} catch (failure) {
			return { ok: false, ...this.#inWords(failure) };
		}
	}

	/** Clients that wait for an answer get one, whatever they ask. */
	async #answer(session: AppSession, request: AppMessage): Promise<void> {
		if (request.mt !== "AppPlatformInfoRequest" || request.api)
			return session.answer(request, {
				mt: `${request.mt}Result`,
				error: "unknownMessage",
				errorText: "The manager does not know this message.",
			});
		this.#info ??= readPlatformInfo(this.#releaseFile);
		const info = await this.#info.catch((failure) => this.#inWords(failure));
		session.answer(request, { mt: "AppPlatformInfoResult", ...info });
	}

	#inWords(failure: unknown) {
		const { code, message } = describeFailure(failure, this.#log).error;
		return { error: code, errorText: message };
	}
}

/** The image's; outside an image the manager's. */
async function readPlatformInfo(releaseFile: string) {
	const release = await readRelease(releaseFile);
	return {
		version: release?.version ?? MANAGER_VERSION,
		build: release?.build ?? MANAGER_BUILD,
		platform: release?.target,
	};
}
