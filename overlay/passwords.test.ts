import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const host = new ScriptsOnHost("grub");
test.after.always(() => host.remove());

const sha512 = `$6$salt$${"a".repeat(86)}`;
const hashes: Record<string, boolean> = {
	[sha512]: true,
	[`$6$rounds=10000$salt$${"a".repeat(86)}`]: true,
	[`$5$salt$${"a".repeat(43)}`]: true,
	[`!${sha512}`]: true,
	"*": true,
	"!": true,
	plain: false,
	"": false,
	// busybox's login does not support it.
	[`$y$j9T$salt$${"a".repeat(43)}`]: false,
	$1$salt$aaaaaaaaaaaaaaaaaaaaaa: false,
	[`${sha512}:0`]: false,
};

for (const [hash, isOne] of Object.entries(hashes))
	test(`"${hash}" is ${isOne ? "a hash" : "not a hash"}`, (t) => {
		t.is(host.run("passwords", `is_crypted '${hash}'`).exitCode, isOne ? 0 : 1);
	});

const shadow = "root:old:1:0:99999:7:::\nadmin:old:2:0:99999:7:::";
const withAdmin = (user: string) =>
	host.run("passwords", `printf '${shadow}' | shadow_with ${user} 'a\\$b&c' 3`)
		.output;

test("a new password changes only the user's line", (t) => {
	t.is(
		withAdmin("admin"),
		"root:old:1:0:99999:7:::\nadmin:a\\$b&c:3:0:99999:7:::",
	);
});

test("a user without a line in an older shadow file gets one", (t) => {
	t.is(withAdmin("tcpdump"), `${shadow}\ntcpdump:a\\$b&c:3:0:99999:7:::`);
});

test("hashes a password", (t) => {
	const { exitCode, output } = host.run(
		"passwords",
		`hash=$(printf '%s\\n' 'p: "$ä' | crypt_password); is_crypted "$hash"; echo "$hash"`,
	);
	t.is(exitCode, 0);
	t.regex(output, /^\$6\$.{16}\$.{86}$/);
});
