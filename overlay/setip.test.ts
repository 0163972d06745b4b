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
