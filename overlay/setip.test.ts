import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const host = new ScriptsOnHost("grub");
test.after.always(() => host.remove());

const setip = (words: string) =>
	host.run("address address-options", `network_settings ${words}`);

const staticSetting = (
	gateway = "",
	dns1 = "",
	dns2 = "",
	{ address = "10.0.2.77", prefix = 24 } = {},
) =>
	`MODE=static\nADDRESS=${address}\nPREFIX=${prefix}\nGATEWAY=${gateway}\nDNS1=${dns1}\nDNS2=${dns2}`;

const accepted: Record<string, string> = {
	"--addr=10.0.2.77/24": staticSetting(),
	"--addr=10.0.2.77/255.255.255.0": staticSetting(),
	"--addr=10.0.2.77 --mask=255.255.255.0": staticSetting(),
	"--addr=10.0.2.77 --mask=24": staticSetting(),
	"--addr=10.0.2.77 --mask=/24": staticSetting(),
	"--addr=10.0.2.77/24 --mask=255.255.255.0": staticSetting(),
	"--addr 10.0.2.77/24": staticSetting(),
	"--addr= 10.0.2.77/24": staticSetting(),
	"--addr = 10.0.2.77/24": staticSetting(),
	"--addr =10.0.2.77/24": staticSetting(),
	"--addr=' 10.0.2.77/24\r'": staticSetting(),
	"-addr=10.0.2.77/24": staticSetting(),
	"–addr=10.0.2.77/24": staticSetting(),
	"--ADDR=10.0.2.77 --Netmask=255.255.255.0": staticSetting(),
	"--addr=10.0.2.77/24 --addr=10.0.2.77/24": staticSetting(),
	"--ip=10.0.2.77/24 --gw=10.0.2.2": staticSetting("10.0.2.2"),
	"--addr=10.0.2.77/24 --gateway 10.0.2.2 --dns1 10.0.2.3": staticSetting(
		"10.0.2.2",
		"10.0.2.3",
	),
	"--addr=10.0.2.77/24 --dns=10.0.2.3": staticSetting("", "10.0.2.3"),
	"--addr=10.0.2.77/24 --dns=10.0.2.3 --dns=10.0.2.4": staticSetting(
		...["", "10.0.2.3", "10.0.2.4"],
	),
	"--addr=10.0.2.77/24 --dns1=10.0.2.3,fd00::3": staticSetting(
		...["", "10.0.2.3", "fd00::3"],
	),
	"--addr=10.0.2.77/24 --dns='10.0.2.3, 10.0.2.4'": staticSetting(
		...["", "10.0.2.3", "10.0.2.4"],
	),
	"--addr=10.0.2.77/24 --dns2=10.0.2.4 --dns1=10.0.2.3": staticSetting(
		...["", "10.0.2.3", "10.0.2.4"],
	),
	// A provider's router is outside the network of one address.
	"--addr=192.0.2.7/32 --gateway=172.31.1.1": staticSetting(
		"172.31.1.1",
		"",
		"",
		{ address: "192.0.2.7", prefix: 32 },
	),
	"--dhcp": "MODE=dhcp",
	"--DHCP": "MODE=dhcp",
	"--dhcp --dns1=2001:db8::53 --gateway=none":
		"MODE=dhcp\nGATEWAY=none\nDNS1=2001:db8::53",
	"--addr=192.0.2.6/31 --gateway=192.0.2.7": staticSetting(
		"192.0.2.7",
		"",
		"",
		{ address: "192.0.2.6", prefix: 31 },
	),
	"--addr=10.0.2.77/24 --gateway=none": staticSetting(),
	// Without IPv4, whose setting stays.
	"--dns1=2001:db8::53": "DNS1=2001:db8::53\nDNS2=",
	"--addr6=2001:db8::10/48 --gateway6=fe80::1":
		"ADDRESS6=2001:db8::10/48\nGATEWAY6=fe80::1",
	"--addr6=2001:db8::10": "ADDRESS6=2001:db8::10/64\nGATEWAY6=",
	"--addr6=auto": "ADDRESS6=\nGATEWAY6=",
	"--addr=10.0.2.77/24 --addr6=2001:db8::10": `ADDRESS6=2001:db8::10/64\nGATEWAY6=\n${staticSetting()}`,
	"--interface=eth1 --dhcp": "INTERFACE=eth1\nMODE=dhcp",
	"--interface=eth1 --vlan=5 --addr=10.0.2.77/24": `INTERFACE=eth1.5\n${staticSetting()}`,
	"--interface=eth0.5 --off": "INTERFACE=eth0.5\nMODE=off",
	"--dhcp --confirm": "CONFIRM=yes\nMODE=dhcp",
	"--hostname=gateway-1.example.com": "HOSTNAME=gateway-1.example.com",
	"--ntp=192.0.2.123,ntp.example.com": "NTP=192.0.2.123 ntp.example.com",
	"--ntp1=192.0.2.123 --ntp2=ntp.example.com":
		"NTP=192.0.2.123 ntp.example.com",
	"--ntp=none": "NTP=none",
};

for (const [words, settings] of Object.entries(accepted))
	test(`setip accepts ${JSON.stringify(words)}`, (t) => {
		t.deepEqual(setip(words), { exitCode: 0, output: settings });
	});

const refused: Record<string, RegExp> = {
	"": /address is missing/,
	"--addr=": /--addr needs a value/,
	"--addr --mask=24": /--addr needs a value/,
	"--addr=10.0.2.300/24": /"10\.0\.2\.300" is not an IPv4 address/,
	"--addr=10.0.2.77": /mask is missing.*10\.0\.2\.77\/24/,
	"--addr=10.0.2.77/33": /"\/33" is not a network mask/,
	"--addr=10.0.2.77/": /"\/" is not a network mask/,
	"--addr=10.0.2.77/24/24": /not a network mask/,
	"--addr=10.0.2.77 --mask=255.0.255.0": /"255\.0\.255\.0" is not a network/,
	"--addr=10.0.2.77/24 --mask=255.255.0.0": /contradict each other/,
	"--addr=10.0.2.0/24": /network or broadcast address/,
	"--addr=10.0.2.77/24 --addr=10.0.2.78/24": /given twice/,
	"--addr=10.0.2.77/24 --gateway=192.0.2.1": /outside the network/,
	"--addr=10.0.2.77/24 --gateway=10.0.2.77": /same address/,
	"--addr=10.0.2.77/24 --dns1=nonsense": /"nonsense" is not an address/,
	"--addr=10.0.2.77/24 --dns1=1.1.1.1,8.8.8.8 --dns2=9.9.9.9": /at most, not 3/,
	"--adr=10.0.2.77/24": /"--adr=10\.0\.2\.77\/24" is not an option/,
	"10.0.2.77/24": /for example --addr=10\.0\.2\.77\/24/,
	"--addr='10.0. 2.77/24'": /is not an IPv4 address/,
	"--addr=fd00::1/64": /not a/,
	"--addr=10.0.2.77 --addr6=10.0.2.77": /not an IPv6 address.*2001:db8::10/,
	"--addr=2001:db8::10/64": /--addr6=2001:db8::10\/64/,
	"--addr6=fd00::1/129": /"\/129" is not an IPv6 prefix length/,
	"--addr6=::1": /not an IPv6 address that a machine can have/,
	"--addr6=ff02::1": /not an IPv6 address that a machine can have/,
	"--addr6=fd00::10 --gateway6=10.0.2.2":
		/"10\.0\.2\.2" is not an IPv6 address/,
	"--gateway6=fe80::1": /--gateway6 needs --addr6/,
	"--addr6=auto --gateway6=fe80::1": /leave --gateway6 out/,
	"--interface=eth1": /address is missing/,
	"--interface=wan --dhcp":
		/"wan" is not the name of a network card.*setip --show/,
	"--vlan=4095 --dhcp": /"4095" is not a VLAN.*1 to 4094/,
	"--interface=eth0.5 --vlan=6 --dhcp": /leave --vlan out/,
	"--off --dhcp": /--off cannot be combined/,
	"--hostname=gateway_1": /"gateway_1" is not a host name.*gateway-1/,
	"--ntp=ntp_1": /"ntp_1" is not the name or address/,
	"--dhcp --gateway=10.0.2.2": /--gateway=none/,
	"--dhcp --addr=10.0.2.77/24": /cannot be combined/,
	"--dhcp=yes": /takes no value/,
};

for (const [words, reason] of Object.entries(refused))
	test(`setip refuses ${JSON.stringify(words)} with the reason`, (t) => {
		const { exitCode, output } = setip(words);
		t.is(exitCode, 2);
		t.regex(output, reason);
		t.regex(output, /Nothing was changed/);
		t.notRegex(output, /MODE=/);
	});
