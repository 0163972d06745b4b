import { mkdirSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const host = new ScriptsOnHost("grub");
test.after.always(() => host.remove());
mkdirSync(join(host.root, "run/provisioning"));
mkdirSync(join(host.root, "mnt/sda2/system"), { recursive: true });

const libraries =
	"service settings passwords time-zone address address-options provisioning";
// setip's own checks, without a machine; what changes users is only shown.
const stubs = `report() { echo "$*"; }
is_rescue() { return 1; }
setip() (
	shift
	! given=$(network_settings "$@") || { echo "setip" $given; return 0; }
	return 2
) 
apply_hash() { echo "hash $1"; }
add_keys() { sed "s/^/key /"; }`;

function apply(...lines: string[]): string[] {
	host.write("run/provisioning/lines", lines.map((one) => `${one}\n`).join(""));
	const { output } = host.run(
		libraries,
		`${stubs}\napply SOURCE "$WORK/lines"`,
	);
	return output.split("\n").filter((line) => line !== "");
}

test("what is wrong is named once, the rest is applied", (t) => {
	t.deepEqual(
		apply(
			"complaint\tSOURCE: x is not used",
			"setip\t--addr=10.0.2.300/24",
			"setip\t--addr=10.0.2.300/24\t--gateway=10.0.2.2",
			"setip\t--hostname=a b; reboot",
			"setip\t--hostname=$(reboot)",
			"key\tssh-ed25519 AAAA",
		),
		[
			"SOURCE: x is not used",
			'SOURCE: "10.0.2.300" is not an IPv4 address that a machine can have, for example 192.0.2.10/24',
			'SOURCE: "a b; reboot" is not a host name, for example gateway-1 or gateway-1.example.com',
			'SOURCE: "$(reboot)" is not a host name, for example gateway-1 or gateway-1.example.com',
			"key ssh-ed25519 AAAA",
		],
	);
});

test("search domains and a time zone are checked and written", (t) => {
	host.write("usr/share/zoneinfo/Europe/Berlin", "");
	const { output } = host.run(
		libraries,
		`${stubs}
		ZONES=${host.root}/usr/share/zoneinfo
		source=SOURCE
		apply_search "example.com\t-o;x\texample.org"
		apply_time_zone Europe/Berlin
		apply_time_zone ../x`,
	);
	t.deepEqual(output.split("\n"), [
		'SOURCE: "-o;x" is not a search domain',
		'SOURCE: "../x" is not the name of a time zone, for example Europe/Berlin',
	]);
	t.is(host.read("mnt/sda2/system/search"), "example.com\nexample.org\n");
	t.is(host.read("mnt/sda2/system/timezone"), "Europe/Berlin\n");
});

test("a short password is refused without showing it", (t) => {
	t.deepEqual(apply("password\tsecret"), [
		"SOURCE: the password is not set: it is shorter than 8 characters",
	]);
	const [line = ""] = apply("password\tcorrect horse");
	t.regex(line, /^hash \$6\$/);
});

for (const password of ["iplinux", "ipapps", "pwd"])
	test(`a hash of ${password} is recognized`, (t) => {
		const isDefault = (text: string, method: string) =>
			host.run(
				libraries,
				`is_default_hash "$(echo '${text}' | openssl passwd ${method} -stdin)"`,
			).exitCode;
		for (const method of ["-5", "-6", "-6 -salt 'rounds=1000$ab'"]) {
			t.is(isDefault(password, method), 0);
			t.is(isDefault(`${password}x`, method), 1);
		}
	});

test("what was applied is remembered for each kind", (t) => {
	const { output } = host.run(
		libraries,
		`applied ovf 1
		remember ovf sum id
		remember nocloud sum2 id2
		remember ovf sum3 id3
		applied ovf 1; applied ovf 2; applied nocloud 2
		stat -c %a "$APPLIED"`,
	);
	t.deepEqual(output.split("\n"), ["sum3", "id3", "id2", "600"]);
});

test("search domains of the file come before those of DHCP", (t) => {
	host.write(
		"run/network/lease/eth0.dhcp.search",
		"example.net\nexample.com\n",
	);
	host.write("mnt/sda2/system/search", "example.com $(x) example.org\r\n");
	t.is(
		host.run("network", "search_domains").output,
		"example.com\nexample.org\nexample.net",
	);
});
