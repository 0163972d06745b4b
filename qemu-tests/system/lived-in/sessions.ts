import type { Console, Machine, Ssh } from "../../machine/index.ts";
import { rootBySsh } from "../steps.ts";

/**
 * Opens SSH sessions of root that users leave open: one with the boot partition as working directory, one with a packet
 * capture and one that follows a log.
 */
export async function openSessions(
	machine: Machine,
): Promise<{ terminals: readonly Console[]; close(): void }> {
	const opened: { ssh: Ssh; terminal: Console }[] = [];
	for (const command of [
		"cd /mnt/sda1 && ls",
		"tcpdump -i eth0 -w /tmp/capture",
		"tail -f /var/log/messages",
	]) {
		const session = await rootBySsh(machine);
		session.terminal.send(`${command}\n`);
		await session.terminal.expect("\n");
		opened.push(session);
	}
	return {
		terminals: opened.map(({ terminal }) => terminal),
		close() {
			for (const { ssh } of opened) ssh.close();
		},
	};
}
