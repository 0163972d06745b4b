import { once } from "node:events";
import { connect } from "node:net";

const answerLimitMs = 5_000;

/**
 * One command to HAProxy's runtime API.
 * @param payload lines for it, none of them empty; never in an error, since it may be a secret.
 * @returns its answer, without blank lines.
 * @throws Error where HAProxy does not answer.
 */
export async function haproxy(
	socketPath: string,
	command: string,
	payload?: string,
): Promise<string> {
	const socket = connect(socketPath);
	socket.setEncoding("utf8");
	socket.setTimeout(answerLimitMs, () =>
		socket.destroy(new Error(`HAProxy does not answer: ${command}`)),
	);
	let answer = "";
	socket.on("data", (text) => {
		answer += text;
	});
	socket.write(
		payload === undefined ? `${command}\n` : `${command} <<\n${payload}\n\n`,
	);
	await once(socket, "close");
	return answer.trim();
}

/** As `haproxy`, for a command that answers nothing, or words of no harm. @throws Error with HAProxy's. */
export async function order(
	socketPath: string,
	command: string,
	harmless: RegExp,
	payload?: string,
): Promise<void> {
	const answer = await haproxy(socketPath, command, payload);
	if (answer !== "" && !harmless.test(answer))
		throw new Error(`HAProxy refuses "${command}": ${answer}`);
}
