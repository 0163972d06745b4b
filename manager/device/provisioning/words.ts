import { type InterfaceSettings, type Provision, quoted } from "./provision.ts";

/**
 * Applies settings in the words of setip, from a file or an OVF environment. "interface" begins those of another card.
 */
export function readWords(
	words: Iterable<readonly [word: string, value: string]>,
	provision: Provision,
): void {
	let settings: InterfaceSettings = { dns: [] };
	const interfaces = [settings];
	const timeServers: string[] = [];
	for (const [given, raw] of words) {
		const word = given.trim().toLowerCase().replace(/^-+/, "");
		const value = raw.trim();
		// OVF environments name each property, also those that were left empty.
		if (value === "" && word !== "dhcp" && word !== "off") continue;
		switch (word) {
			case "interface":
				settings = { name: value, dns: [] };
				interfaces.push(settings);
				break;
			case "vlan":
				settings.vlan = value;
				break;
			case "addr":
				settings.address = value;
				break;
			case "mask":
				settings.mask = value;
				break;
			case "gateway":
				settings.gateway = value;
				break;
			case "addr6":
				settings.address6 = value;
				break;
			case "gateway6":
				settings.gateway6 = value;
				break;
			case "dns":
			case "dns1":
			case "dns2":
				settings.dns.push(...value.split(/[\s,;]+/));
				break;
			case "dhcp":
				settings.isDhcp = value !== "no";
				break;
			case "off":
				settings.isOff = value !== "no";
				break;
			case "hostname":
				provision.addHostName(value);
				break;
			case "ntp":
			case "ntp1":
			case "ntp2":
				timeServers.push(...value.split(/[\s,;]+/));
				break;
			case "timezone":
				provision.addTimeZone(value);
				break;
			case "password":
				// Blanks may belong to it.
				provision.addPassword(raw);
				break;
			case "ssh-key":
				provision.addKey(value);
				break;
			default:
				provision.complain(`${quoted(word)} is not known`);
		}
	}
	for (const one of interfaces) provision.addInterface(one);
	provision.addTimeServers(timeServers);
}

/** Reads lines WORD=VALUE. Empty lines and those that begin with # are comments. */
export function* wordsInFile(
	text: string,
): Generator<readonly [word: string, value: string]> {
	for (const line of text.replace(/^\uFEFF/, "").split(/\r?\n/)) {
		if (/^\s*(#|$)/.test(line)) continue;
		const equals = line.indexOf("=");
		if (equals < 0) yield [line, ""];
		else yield [line.slice(0, equals), line.slice(equals + 1)];
	}
}
