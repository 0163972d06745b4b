import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import * as z from "zod";
import { setuidCommands } from "../board/contents.ts";
import { Lan, temporaryDirectory, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { installHostile, neighbour, type RunAsApp } from "./system/hostile.ts";
import { notesPage } from "./system/notes.ts";
import { outputOf } from "./system/steps.ts";

// Scans an installed system as an attacker would: from the network, and from inside an app that was broken into. The
// scanners are Debian's. Costs some 80 s, most of it testssl's. Kernel settings: kernel.vm.test.ts.
const minute = 60_000;
const lan = new Lan();
const machine = runningContainer(test, "scan", { lan });
const address = "10.0.2.15";
test.after.always(() => lan.stop());
let runAsApp: RunAsApp;

test.serial("two apps run", async (t) => {
	t.timeout(timeLimit(5 * minute));
	runAsApp = await installHostile(machine);
	await notesPage(machine, neighbour);
	t.pass();
});

test.serial("only SSH and the web server listen on the network", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const scan = await lan.inside(
		"nmap",
		"-n",
		"-Pn",
		"-p-",
		"-oG",
		"-",
		address,
	);
	const open = [...scan.matchAll(/(\d+)\/open\/tcp/g)].map(([, port]) => port);
	t.deepEqual(open, ["22", "80", "443", "444"]);
	// The DHCP client's ports, whose process has no rights and sees no files; servers have none.
	const udp = await outputOf(
		machine.console,
		"ss -Hlnup | awk '{ print $4, $6 }' | sed 's/,pid=.*//' | sort",
	);
	t.is(
		udp.trim(),
		['*:546 users:(("dhcpcd"', '0.0.0.0:68 users:(("dhcpcd"'].join("\n"),
	);
});

test.serial("TLS has no weakness", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const directory = temporaryDirectory();
	t.teardown(() => directory.remove());
	const findingsAt = async (port: number) => {
		const file = join(directory.path, String(port));
		await lan
			.inside(
				...["testssl", "--quiet", "--warnings", "off", "--color", "0"],
				...["--severity", "LOW", "--jsonfile", file, `${address}:${port}`],
			)
			// The exit code counts findings.
			.catch(() => {});
		return z
			.array(
				z.object({ id: z.string(), severity: z.string(), finding: z.string() }),
			)
			.parse(JSON.parse(await readFile(file, "utf8")))
			.filter(
				({ id, severity }) =>
					// A warning is no weakness: a check did not get a connection in time.
					severity !== "WARN" && !ofSelfSignedCertificate.has(id),
			);
	};
	t.deepEqual(await Promise.all([findingsAt(443), findingsAt(444)]), [[], []]);
});

/** Findings about a device that has no domain and its own certificate, which browsers remember no rule for. */
const ofSelfSignedCertificate = new Set([
	...["cert_trust", "cert_chain_of_trust", "cert_revocation"],
	...["DNS_CAArecord", "HSTS"],
]);

test.serial("SSH has no weakness", async (t) => {
	t.timeout(timeLimit(2 * minute));
	const report = await lan
		.inside(...["ssh-audit", "--no-colors", "--level", "fail", address])
		// The exit code is the worst rating.
		.catch((error: { stdout: string }) => error.stdout);
	t.regex(report, /dropbear/i);
	const weak = [...report.matchAll(/^\(\w+\) (\S+) .*\[fail\]/gm)]
		.map(([, algorithm]) => String(algorithm))
		// Curves of NIST, which ssh-audit suspects but no authority calls weak: dropbear cannot be started without them.
		.filter((algorithm) => !/^ec(dh|dsa)-sha2-nistp\d+$/.test(algorithm));
	t.deepEqual(weak, []);
});

test.serial("only two programs change the user", async (t) => {
	const found = await outputOf(
		machine.console,
		"find / /mnt/sda2 -xdev -type f -perm /6000",
	);
	const expected = setuidCommands.map((name) => `/usr/bin/${name}`);
	t.deepEqual(found.trim().split("\n").sort(), [...expected].sort());
});

test.serial("nobody can change what belongs to others", async (t) => {
	const found = await outputOf(
		machine.console,
		"find / /run /mnt/sda2 -xdev '(' -type f -o -type d ')' -perm -0002 ! -perm -1000",
	);
	t.is(found.trim(), "");
});

test.serial("an app reads no secret of others", async (t) => {
	t.timeout(timeLimit(3 * minute));
	const { output } = await runAsApp(
		`grep -rlE 'PRIVATE KEY|^[a-z]+:[$][0-9a-z]+[$]|SCRAM-SHA-256[$]' / --exclude-dir=proc --exclude-dir=sys \
			--exclude-dir=usr 2>/dev/null | grep -v '^/apps/manager/manager\\|^/mnt/sda2/apps/manager/manager'`,
	);
	t.is(output.trim(), "");
});
