import { once } from "node:events";
import { connect } from "node:net";

const responseTimeoutMs = 5_000;

/**
 * Sends one command to HAProxy's runtime API.
 * @param payload lines without empty ones. Errors never contain it, because it may be a secret.
 * @returns the response without surrounding white space.
 * @throws Error if HAProxy does not respond.
 */
export async function sendHaproxyCommand(
	socketPath: string,
	command: string,
	payload?: string,
): Promise<string> {
	const socket = connect(socketPath);
	socket.setEncoding("utf8");
	socket.setTimeout(responseTimeoutMs, () =>
		socket.destroy(new Error(`HAProxy does not respond to "${command}"`)),
	);
	let response = "";
	socket.on("data", (text) => {
		response += text;
	});
	socket.write(
		payload === undefined ? `${command}\n` : `${command} <<\n${payload}\n\n`,
	);
	await once(socket, "close");
	return response.trim();
}

/**
 * Sends a command that changes something.
 * @param accepted a response that means success, besides an empty one.
 * @throws Error with any other response.
 */
export async function runHaproxyCommand(
	socketPath: string,
	command: string,
	accepted: RegExp,
	payload?: string,
): Promise<void> {
	const response = await sendHaproxyCommand(socketPath, command, payload);
	if (response !== "" && !accepted.test(response))
		throw new Error(`HAProxy refuses "${command}": ${response}`);
}
