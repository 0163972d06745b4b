import { once } from "node:events";
import { connect } from "node:net";

const answerLimitMs = 5_000;

/**
 * One command to HAProxy's runtime API.
 * @returns its answer, without blank lines.
 * @throws Error where HAProxy does not answer.
 */
export async function haproxy(
	socketPath: string,
	command: string,
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
	socket.write(`${command}\n`);
	await once(socket, "close");
	return answer.trim();
}

/** As `haproxy`, for a command that answers nothing, or words of no harm. @throws Error with HAProxy's. */
export async function order(
	socketPath: string,
	command: string,
	harmless: RegExp,
): Promise<void> {
	const answer = await haproxy(socketPath, command);
	if (answer !== "" && !harmless.test(answer))
		throw new Error(`HAProxy refuses "${command}": ${answer}`);
}
