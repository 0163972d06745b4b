import type { Console, Machine, Ssh } from "../../machine/index.ts";
import { rootBySsh } from "../steps.ts";

/**
 * Opens what people leave open: root by SSH, once with the boot partition as working directory,
 * once with a packet capture and once with a log that is followed.
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
