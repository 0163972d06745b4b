import { type InterfaceSettings, type Provision, quoted } from "./provision.ts";
import {
	isFalse,
	isTrue,
	listOf,
	mapOf,
	parseYaml,
	textOf,
	textsOf,
} from "./yaml.ts";

/** A network card of this machine. */
export interface Card {
	name: string;
	mac: string;
}

/** Collects the settings of interfaces, and what is true for all of them. */
class Network {
	readonly #interfaces: { name: string; settings: InterfaceSettings }[] = [];
	readonly #cards: readonly Card[];
	readonly #provision: Provision;
	readonly #dns: string[] = [];
	readonly #search: string[] = [];

	constructor(cards: readonly Card[], provision: Provision) {
		this.#cards = cards;
		this.#provision = provision;
	}

	complain(message: string): void {
		this.#provision.complain(`network-config: ${message}`);
	}

	/**
	 * @param name the card's name in the source, which another system may have given it.
	 * @param mac identifies the card, if known.
	 */
	addCard(name: string, mac?: string): InterfaceSettings | undefined {
		const card = this.#findCard(name, mac);
		if (card === undefined) {
			const present = this.#cards.map((one) => `${one.name} (${one.mac})`);
			this.complain(
				`there is no network card ${quoted(mac ?? name)}; there are: ${present.join(", ")}`,
			);
			return undefined;
		}
		return this.#add(name, { name: card.name, dns: [] });
	}

	addVlan(name: string, link: string, vlan: string): InterfaceSettings {
		const parent = this.#interfaces.find((one) => one.name === link);
		const card = parent?.settings.name ?? this.#findCard(link)?.name ?? link;
		return this.#add(name, { name: card, vlan, dns: [] });
	}

	#add(name: string, settings: InterfaceSettings): InterfaceSettings {
		this.#interfaces.push({ name, settings });
		return settings;
	}

	#findCard(name: string, mac?: string): Card | undefined {
		if (mac !== undefined)
			return this.#cards.find((card) => card.mac === mac.toLowerCase());
		const named = this.#cards.find((card) => card.name === name);
		// Other systems have other names, such as enp1s0.
		return named ?? (this.#cards.length === 1 ? this.#cards[0] : undefined);
	}

	addAddress(settings: InterfaceSettings, address: string): void {
		if (address.includes(":")) {
			if (settings.address6 === undefined) settings.address6 = address;
			else this.#ignoreAddress(address);
		} else if (settings.address === undefined) settings.address = address;
		else this.#ignoreAddress(address);
	}

	#ignoreAddress(address: string): void {
		this.complain(
			`the address ${quoted(address)} is not used: an interface can have one by IPv4, or DHCP, and one by IPv6`,
		);
	}

	addGateway(settings: InterfaceSettings, gateway: string): void {
		if (gateway.includes(":")) settings.gateway6 = gateway;
		else settings.gateway = gateway;
	}

	/** Of routes, only the default ones are known. */
	addRoutes(settings: InterfaceSettings, routes: unknown): void {
		for (const route of listOf(routes)) {
			const { to, via, network, destination, gateway, netmask } = mapOf(route);
			const target = textOf(to) ?? textOf(network) ?? textOf(destination);
			const router = textOf(via) ?? textOf(gateway);
			const isDefault =
				/^(default|::\/0|0\.0\.0\.0\/0)$/.test(target ?? "") ||
				(target === "0.0.0.0" && textOf(netmask) === "0.0.0.0") ||
				(target === "::" && /^(0|::)$/.test(textOf(netmask) ?? ""));
			if (isDefault && router !== undefined) this.addGateway(settings, router);
			else
				this.complain(
					`the route to ${quoted(target ?? "")} is not used: only the default route can be set`,
				);
		}
	}

	/** @param settings of the interface that the servers are written for, if for one. */
	addNameServers(
		servers: readonly string[],
		domains: readonly string[],
		settings?: InterfaceSettings,
	): void {
		(settings?.dns ?? this.#dns).push(...servers);
		this.#search.push(...domains);
	}

	complainOfMtu(mtu: unknown): void {
		const text = textOf(mtu);
		if (text !== undefined && text !== "1500")
			this.complain(`the MTU ${quoted(text)} is not used: DHCP can set it`);
	}

	apply(): void {
		const [first] = this.#interfaces;
		if (first) first.settings.dns.push(...this.#dns);
		else if (this.#dns.length > 0)
			this.#provision.addInterface({ dns: this.#dns });
		for (const { settings } of this.#interfaces) {
			// The source describes the whole interface.
			settings.address6 ??=
				settings.gateway6 === undefined ? "auto" : undefined;
			const { isDhcp, address, mask, gateway, ...others } = settings;
			if (isDhcp && address !== undefined) this.#ignoreAddress(address);
			this.#provision.addInterface(isDhcp ? { isDhcp, ...others } : settings);
		}
		this.#provision.addSearchDomains([...new Set(this.#search)]);
	}
}

/** Reads cloud-init's network-config, version 1 or 2. */
export function readNetworkConfig(
	text: string,
	cards: readonly Card[],
	provision: Provision,
): void {
	const whole = mapOf(parseYaml(text, "network-config", provision));
	const config = whole.network === undefined ? whole : mapOf(whole.network);
	const network = new Network(cards, provision);
	const isFirst = textOf(config.version) === "1" || config.config !== undefined;
	if (Object.keys(config).length === 0) return;
	if (isFirst) readVersion1(config.config, network);
	else readVersion2(config, network);
	network.apply();
}

function readVersion1(config: unknown, network: Network): void {
	if (config === "disabled") return;
	for (const entry of listOf(config)) {
		const device = mapOf(entry);
		const name = textOf(device.name) ?? "";
		switch (textOf(device.type)) {
			case "physical":
				readSubnets(
					device,
					network.addCard(name, textOf(device.mac_address)),
					network,
				);
				break;
			case "vlan":
				readSubnets(
					device,
					network.addVlan(
						name,
						textOf(device.vlan_link) ?? "",
						textOf(device.vlan_id) ?? "",
					),
					network,
				);
				break;
			case "nameserver":
				network.addNameServers(textsOf(device.address), textsOf(device.search));
				break;
			case "loopback":
				break;
			default:
				network.complain(
					`${quoted(textOf(device.type) ?? "")} is not supported; physical, vlan and nameserver are`,
				);
		}
	}
}

function readSubnets(
	device: Record<string, unknown>,
	settings: InterfaceSettings | undefined,
	network: Network,
): void {
	if (settings === undefined) return;
	network.complainOfMtu(device.mtu);
	for (const entry of listOf(device.subnets)) {
		const subnet = mapOf(entry);
		const type = textOf(subnet.type) ?? "";
		const address = textOf(subnet.address);
		const gateway = textOf(subnet.gateway);
		if (/^dhcp4?$/.test(type)) settings.isDhcp = true;
		else if (/^(dhcp6|ipv6_.*)$/.test(type)) settings.address6 = "auto";
		else if (/^static[46]?$/.test(type) && address !== undefined) {
			network.addAddress(settings, address);
			const netmask = textOf(subnet.netmask);
			if (settings.address === address && !address.includes("/"))
				settings.mask = netmask;
			else if (settings.address6 === address && !address.includes("/"))
				settings.address6 = `${address}/${netmask ?? "64"}`;
		} else if (type !== "manual")
			network.complain(`the subnet ${quoted(type)} is not supported`);
		if (gateway !== undefined) network.addGateway(settings, gateway);
		network.addRoutes(settings, subnet.routes);
		network.addNameServers(
			textsOf(subnet.dns_nameservers),
			textsOf(subnet.dns_search),
			settings,
		);
	}
}

function readVersion2(config: Record<string, unknown>, network: Network): void {
	for (const [key, value] of Object.entries(config)) {
		if (/^(version|renderer)$/.test(key)) continue;
		if (!/^(ethernets|vlans)$/.test(key)) {
			network.complain(
				`${quoted(key)} is not supported; ethernets and vlans are`,
			);
			continue;
		}
		for (const [name, entry] of Object.entries(mapOf(value))) {
			const device = mapOf(entry);
			const mac = textOf(mapOf(device.match).macaddress);
			const settings =
				key === "ethernets"
					? network.addCard(name, mac)
					: network.addVlan(
							name,
							textOf(device.link) ?? "",
							textOf(device.id) ?? "",
						);
			if (settings) readDevice(device, settings, network);
		}
	}
}

function readDevice(
	device: Record<string, unknown>,
	settings: InterfaceSettings,
	network: Network,
): void {
	network.complainOfMtu(device.mtu);
	if (isTrue(device.dhcp4)) settings.isDhcp = true;
	if (isTrue(device.dhcp6)) settings.address6 = "auto";
	else if (isFalse(device["accept-ra"]))
		network.complain("accept-ra cannot be disabled without a fixed address");
	for (const entry of listOf(device.addresses)) {
		// An address with options is the key of a mapping.
		const [address = ""] =
			typeof entry === "string" ? [entry] : Object.keys(mapOf(entry));
		network.addAddress(settings, address);
	}
	for (const gateway of [device.gateway4, device.gateway6].flatMap(textsOf))
		network.addGateway(settings, gateway);
	network.addRoutes(settings, device.routes);
	const { addresses, search } = mapOf(device.nameservers);
	network.addNameServers(textsOf(addresses), textsOf(search), settings);
}

/** Reads Debian's /etc/network/interfaces, as Proxmox writes it for a ConfigDrive. */
export function readInterfaces(
	text: string,
	cards: readonly Card[],
	provision: Provision,
): void {
	const network = new Network(cards, provision);
	const byName = new Map<string, InterfaceSettings | undefined>();
	let settings: InterfaceSettings | undefined;
	let isIpv6 = false;
	for (const line of text.split(/\r?\n/)) {
		const [word = "", ...values] = line.trim().split(/\s+/);
		const [value = ""] = values;
		if (/^(auto|allow-.*|#.*|)$/.test(word) || value === "") continue;
		else if (word === "iface") {
			const [name = "", family, method] = values;
			if (!byName.has(name) && name !== "lo")
				byName.set(name, network.addCard(name));
			settings = byName.get(name);
			isIpv6 = family === "inet6";
			if (settings && isIpv6 && method !== "static") settings.address6 = "auto";
			else if (settings && method === "dhcp") settings.isDhcp = true;
		} else if (/^dns[-_]nameservers$/.test(word))
			network.addNameServers(values, []);
		else if (/^dns[-_]search$/.test(word)) network.addNameServers([], values);
		else if (settings === undefined) continue;
		else if (word === "address") network.addAddress(settings, value);
		else if (word === "netmask" && !isIpv6) settings.mask = value;
		else if (word === "netmask") settings.address6 += `/${value}`;
		else if (word === "gateway") network.addGateway(settings, value);
		else network.complain(`${quoted(word)} is not supported`);
	}
	network.apply();
}
