import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { logins, outputOf } from "./system/steps.ts";

const machine = runningContainer(test, "tools");

/** The documented commands of administrators and their output. */
const commands: readonly (readonly [string, RegExp])[] = [
	["psql -d manager -At -c 'SELECT 6 * 7'", /^42$/m],
	["psql -l", /\bmanager\b/],
	["cd / && sudo -u postgres psql -At -c 'SELECT current_user'", /^postgres$/m],
	["cd / && sudo -u postgres reindexdb -d manager", /^$/],
	["cd / && sudo -u postgres vacuumdb -d manager -f", /^vacuumdb: vacuuming/],
	[
		`cd /home/admin
		tar -cf - /var/log/* | xz -z - > log.tar.xz
		chown admin:admin /home/admin/log.tar.xz
		tar -tf log.tar.xz`,
		/^var\/log\/messages$/m,
	],
	[
		`cd /home/admin
		tar -cf - --exclude=/var/log/core_dumps/* /var/log/* | xz -z - > log.tar.xz
		xz -t log.tar.xz && xz -dc log.tar.xz | tar -t`,
		/^var\/log\/messages$/m,
	],
	[
		"tar -czf x.tar.gz -C /etc passwd && tar -xzf x.tar.gz && cat passwd",
		/^root:/m,
	],
	[
		"ps aux | grep /apps/manager/manager | grep -v grep",
		/^manager +\d+ .*\/apps\/manager\/manager$/m,
	],
	["ps -ef", /^postgres .*checkpointer/m],
	["df -h", /^\/dev\/\S+ .* \/mnt\/sda2$/m],
	["df -h /dev/sda2", /\/mnt\/sda2$/m],
	["du -sh /mnt/sda2/pgsql/", /^[\d.]+M\s+\/mnt\/sda2\/pgsql\/$/m],
	["e2fsck -n -f /dev/sda3 || [ $? -le 4 ]", /Pass 5/],
	["fsck.ext4 -V", /e2fsck/],
	[
		"gdb --pid $(pgrep -f '^[s]yslogd') -ex bt --batch",
		/\[Inferior 1 .* detached\]/,
	],
	["gdb --version", /GNU gdb/],
	["top -b -n 1 | head -n 5", /Mem/],
	["free -m", /Swap/],
	["ip address show eth0", /inet 10\.0\.2\.15/],
	["cat /apps/install_step1.log", /finished\s*$/],
	["echo '0 3 * * * true' | crontab - && crontab -l", /^0 3 \* \* \* true$/m],
	["openssl version", /OpenSSL 3/],
	["node --version", /^v\d/],
	["nft list ruleset", /default_passwords/],
	["chronyc tracking", /Reference ID/],
	["su admin -c id", /uid=1000\(admin\)/],
	["tcpdump --version", /libpcap/],
];

test.serial("root logs in at the console", async (t) => {
	await machine.console.login(...logins.root);
	t.pass();
});

for (const [command, expected] of commands)
	test.serial(`root types ${command}`, async (t) => {
		t.timeout(timeLimit(180_000));
		const output = await outputOf(machine.console, command, {
			timeoutMs: 120_000,
		});
		t.regex(output, expected);
	});

test.serial("root edits a file with vi", async (t) => {
	machine.console.send("vi /tmp/x.txt\n");
	await machine.console.expect(/- \/tmp\/x\.txt /);
	machine.console.send("i");
	await machine.console.expect(/I \/tmp\/x\.txt /);
	machine.console.send("text");
	await machine.console.expect("text");
	// Sent alone: followed by other input, it would start the sequence of a special key.
	machine.console.send("\u001b");
	await machine.console.expect(/- \/tmp\/x\.txt /);
	machine.console.send(":wq\n");
	t.is((await outputOf(machine.console, "cat /tmp/x.txt")).trim(), "text");
});

test.serial("tcpdump shows packets", async (t) => {
	t.regex(
		await outputOf(machine.console, tcpdump("-i eth0 -n -c 2 icmp")),
		/ICMP echo/,
	);
});

for (const path of [
	"/home/root/x.pcap",
	"/home/admin/x.pcap",
	"/tmp/x.pcap",
	"here.pcap",
])
	test.serial(`tcpdump writes ${path}`, async (t) => {
		const output = await outputOf(
			machine.console,
			`cd; ${tcpdump(`-i eth0 -c 1 -w ${path} icmp`)}; tcpdump -n -r ${path}`,
		);
		t.regex(output, /ICMP echo/);
	});

test.serial("tcpdump rotates files", async (t) => {
	const output = await outputOf(
		machine.console,
		`mkdir -m 700 /home/root/rotated && cd /home/root/rotated
		${tcpdump("-i eth0 -G 1 -W 2 -w x-%s.pcap icmp")}
		ls`,
	);
	t.is(output.match(/x-\d+\.pcap/g)?.length, 2);
});

/** Returns a command that runs tcpdump while there are packets. */
function tcpdump(options: string): string {
	return `ping 10.0.2.2 >/dev/null & tcpdump ${options}; status=$?; kill $!; [ $status = 0 ]`;
}
