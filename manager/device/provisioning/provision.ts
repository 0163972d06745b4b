/** The addresses of one network card or VLAN, as written in a source. */
export interface InterfaceSettings {
	/** Such as eth0; the first card by default. */
	name?: string | undefined;
	/** The number of a VLAN on it. */
	vlan?: string | undefined;
	isOff?: boolean | undefined;
	isDhcp?: boolean | undefined;
	/** IPv4, possibly with its prefix length. */
	address?: string | undefined;
	mask?: string | undefined;
	gateway?: string | undefined;
	/** IPv6 with its prefix length, or "auto". */
	address6?: string | undefined;
	gateway6?: string | undefined;
	dns: string[];
}

/** setip keeps this many for each interface. */
const maxDnsServers = 2;
const maxValueLength = 2_000;

/**
 * What a source asks for, as lines KIND, TAB, VALUE… for S06provisioning, which checks each value as if a person had
 * typed it. Values come from outside: one with control characters could look like further lines.
 */
export class Provision {
	/** Lines in the order in which they are applied. */
	readonly lines: string[] = [];
	readonly #source: string;
	#password: string | undefined;

	/** @param source how messages name it. */
	constructor(source: string) {
		this.#source = source;
	}

	/** Identifies the machine that the source was made for: with the same one, it is not applied again. */
	setId(id: string): void {
		this.#add("id", id);
	}

	/** Options of one call of setip. It applies all or none, so what can be right alone is in a call of its own. */
	addSetip(...options: string[]): void {
		this.#add("setip", ...options);
	}

	addInterface(settings: InterfaceSettings): void {
		const { name, vlan, isOff, isDhcp, address, mask, gateway } = settings;
		const { address6, gateway6 } = settings;
		const which = [
			...option("interface", name === "eth0" ? undefined : name),
			...option("vlan", vlan),
		];
		if (isOff) {
			this.addSetip(...which, "--off");
			return;
		}
		const fixed = [...option("addr", address), ...option("mask", mask)];
		if (isDhcp)
			this.addSetip(
				...which,
				"--dhcp",
				...fixed,
				...option("gateway", gateway),
			);
		else if (fixed.length > 0 || gateway !== undefined) {
			if (gateway !== undefined && address !== undefined)
				this.addSetip(...which, ...fixed);
			this.addSetip(...which, ...fixed, ...option("gateway", gateway));
		}
		if (address6 !== undefined || gateway6 !== undefined) {
			if (gateway6 !== undefined && address6 !== undefined)
				this.addSetip(...which, `--addr6=${address6}`);
			this.addSetip(
				...which,
				...option("addr6", address6),
				...option("gateway6", gateway6),
			);
		}
		this.#addDns(which, settings.dns);
	}

	#addDns(which: string[], servers: readonly string[]): void {
		const used = [...new Set(servers)];
		for (const server of used.slice(maxDnsServers))
			this.complain(
				`the DNS server ${quoted(server)} is not used: there can be ${maxDnsServers}`,
			);
		const [first, second] = used;
		if (first === undefined) return;
		// If the second one is wrong, the first one is used.
		this.addSetip(...which, `--dns1=${first}`);
		if (second === undefined) return;
		this.addSetip(...which, `--dns1=${first}`, `--dns2=${second}`);
	}

	addHostName(name: string): void {
		this.addSetip(`--hostname=${name}`);
	}

	addTimeServers(servers: readonly string[]): void {
		if (servers.length > 0) this.addSetip(`--ntp=${servers.join(",")}`);
	}

	addSearchDomains(domains: readonly string[]): void {
		if (domains.length > 0) this.#add("search", ...domains);
	}

	addTimeZone(zone: string): void {
		this.#add("timezone", zone);
	}

	/** Of root, admin and the manager: plain, or a hash of crypt. The first one holds. */
	addPassword(given: string): void {
		// As the manager compares it.
		const password = given.normalize("NFC");
		if (this.#password !== undefined) {
			if (this.#password !== password)
				this.complain(
					"there are several passwords: root, admin and the manager get the first one",
				);
			return;
		}
		this.#password = password;
		const isHash = /^\$[0-9a-z]+\$.+/.test(password);
		this.#add(isHash ? "hash" : "password", password);
	}

	/** A line of authorized_keys, or several. Options before the key are not known. */
	addKey(text: string): void {
		for (const line of text.split(/\r?\n/)) {
			const key = line.trim().replace(/\s+/g, " ");
			if (key === "" || key.startsWith("#")) continue;
			if (isPublicKey(key)) this.#add("key", key);
			else this.complain(`${quoted(key)} is not a public SSH key`);
		}
	}

	/** Says what of the source cannot be used. The message must not contain a secret. */
	complain(message: string): void {
		const line = `complaint\t${this.#source}: ${printable(message)}`;
		if (!this.lines.includes(line)) this.lines.push(line);
	}

	#add(kind: string, ...values: string[]): void {
		const wrong = values.find(
			(value) => value.length > maxValueLength || hasControlCharacters(value),
		);
		if (wrong === undefined) this.lines.push([kind, ...values].join("\t"));
		else if (kind === "password" || kind === "hash")
			this.complain("the password is too long or has control characters");
		else this.complain(`${quoted(wrong)} cannot be used`);
	}
}

/** Whether a text is TYPE DATA [COMMENT], with the type in the data too. */
function isPublicKey(key: string): boolean {
	const [type = "", data = ""] = key.split(" ");
	if (
		!/^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/.test(
			type,
		) ||
		!/^[A-Za-z0-9+/]+={0,2}$/.test(data)
	)
		return false;
	const bytes = Buffer.from(data, "base64");
	const name = Buffer.from(type);
	return (
		bytes.length > name.length + 36 &&
		bytes.readUInt32BE() === name.length &&
		bytes.subarray(4, 4 + name.length).equals(name)
	);
}

function option(name: string, value: string | undefined): string[] {
	return value === undefined ? [] : [`--${name}=${value}`];
}

/** For messages on a terminal. */
export function quoted(value: string): string {
	const text = printable(value);
	return `"${text.length > 60 ? `${text.slice(0, 60)}…` : text}"`;
}

function printable(text: string): string {
	return text.replace(/\p{C}/gu, "?");
}

function hasControlCharacters(text: string): boolean {
	return /\p{Cc}/u.test(text);
}
