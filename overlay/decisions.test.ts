import { execFileSync } from "node:child_process";
import { join } from "node:path";
import test from "ava";

const libraries = (overlay: string) =>
	join(import.meta.dirname, overlay, "usr/lib/app-platform");

/** Calls a function of a shell library. Returns undefined if it fails. */
function call(
	library: string,
	words: readonly (string | number)[],
	input = "",
): string | undefined {
	try {
		return execFileSync(
			"sh",
			["-euc", '. "$0"; "$@"', library, ...words.map(String)],
			{ input, encoding: "utf8", stdio: ["pipe", "pipe", "ignore"] },
		).trimEnd();
	} catch {
		return undefined;
	}
}

const address = (...words: (string | number)[]) =>
	call(join(libraries("both"), "address.sh"), words);
const installState = (...words: string[]) =>
	call(join(libraries("rescue"), "install-state.sh"), words);
const postgresql = (words: (string | number)[], input = "") =>
	call(join(libraries("system"), "postgresql.sh"), words, input);

test("IPv4 addresses have four decimal parts", (t) => {
	t.is(address("ipv4_number", "0.0.0.0"), "0");
	t.is(address("ipv4_number", "192.0.2.1"), "3221225985");
	t.is(address("ipv4_number", "255.255.255.255"), "4294967295");
	for (const wrong of [
		"",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2..4",
		".1.2.3",
		"1.2.3.",
		"01.2.3.4",
		"1.2.3.4a",
		"1.2.3.-4",
		"1.2.3.99999999999999999999",
		"*.*.*.*",
	])
		t.is(address("ipv4_number", wrong), undefined, wrong);
});

test("converts a mask to a prefix length", (t) => {
	t.is(address("prefix_of", "255.255.255.0"), "24");
	t.is(address("prefix_of", "255.255.254.0"), "23");
	t.is(address("prefix_of", "255.255.255.255"), "32");
	t.is(address("prefix_of", "128.0.0.0"), "1");
	t.is(address("prefix_of", "/24"), "24");
	t.is(address("prefix_of", "16"), "16");
	for (const wrong of ["255.0.255.0", "0.0.0.0", "/33", "0", "", "255", "x"])
		t.is(address("prefix_of", wrong), undefined, wrong);
});

test("a machine cannot have a network, broadcast or multicast address", (t) => {
	t.not(
		address("is_network_or_broadcast", "192.0.2.0", 24),
		undefined,
		"network",
	);
	t.not(
		address("is_network_or_broadcast", "192.0.2.255", 24),
		undefined,
		"broadcast",
	);
	t.is(address("is_network_or_broadcast", "192.0.2.255", 23), undefined);
	t.is(address("is_network_or_broadcast", "192.0.2.0", 31), undefined);
	for (const wrong of ["0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
		t.is(address("is_host_address", wrong), undefined, wrong);
});

test("IPv6 addresses are recognized by their form", (t) => {
	for (const right of ["::1", "2001:db8::1", "fe80::", "1:2:3:4:5:6:7:8"])
		t.not(address("is_ipv6", right), undefined, right);
	for (const wrong of [
		"1::2::3",
		":::",
		"1:2:3",
		"12345::",
		"g::",
		":1::2",
		"1.2.3.4",
	])
		t.is(address("is_ipv6", wrong), undefined, wrong);
});

test("work is due only if the rescue system is the default boot entry", (t) => {
	t.is(installState("due_work", "rescue", "absent"), "install");
	t.is(installState("due_work", "rescue", "complete"), "finish");
	t.is(installState("due_work", "rescue", "started"), "none");
	t.is(installState("due_work", "rescue", "in-use"), "wait");
	for (const state of ["absent", "complete", "started", "in-use"])
		t.is(installState("due_work", "system", state), "none");
});

test("PostgreSQL's memory settings depend on the machine's memory", (t) => {
	t.regex(
		postgresql(["memory_settings", 240_000]) ?? "",
		/shared_buffers = 29MB\n.*\nwork_mem = 1MB/,
	);
	t.regex(
		postgresql(["memory_settings", 64_000_000]) ?? "",
		/shared_buffers = 1024MB/,
	);
});

test("the time limit of a database upgrade grows with the size", (t) => {
	const library = join(libraries("system"), "postgresql-upgrade.sh");
	t.is(call(library, ["max_minutes", 600_000]), "118");
	t.is(call(library, ["max_minutes", 50_000_000]), "4942");
});

test("PostgreSQL's port is open only if pg_hba.conf allows outside connections", (t) => {
	const shipped = [
		"local all all peer",
		"host all all 127.0.0.1/32 scram-sha-256",
		"host all all ::1/128 scram-sha-256",
		"#host all all 0.0.0.0/0 scram-sha-256",
	].join("\n");
	t.is(postgresql(["listen_addresses"], shipped), "");
	for (const line of [
		"host all all 10.0.0.0/8 scram-sha-256",
		"hostssl replication standby1 0.0.0.0/0 scram-sha-256",
		"host all all all scram-sha-256",
	])
		t.is(postgresql(["listen_addresses"], `${shipped}\n${line}\n`), "*", line);
});
