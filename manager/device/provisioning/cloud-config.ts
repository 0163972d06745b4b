import { type Provision, quoted } from "./provision.ts";
import {
	isFalse,
	isTrue,
	listOf,
	mapOf,
	parseYaml,
	textOf,
	textsOf,
} from "./yaml.ts";

/** What this platform does anyway, or what makes no difference on it. */
const harmless = new Set([
	..."manage_etc_hosts preserve_hostname prefer_fqdn_over_hostname".split(" "),
	..."create_hostname_file disable_root users user chpasswd".split(" "),
	..."package_update package_upgrade package_reboot_if_required".split(" "),
	..."growpart resize_rootfs locale final_message output datasource".split(" "),
	..."ssh_deletekeys ssh_genkeytypes".split(" "),
]);

/** The users of this platform, which have one password: whoever has root's may do everything. */
const administrators = ["root", "admin"];

/** Reads cloud-init's user-data. Of all its kinds, only cloud-config is known. */
export function readUserData(text: string, provision: Provision): void {
	if (text.trim() === "") return;
	if (!/^\uFEFF?#cloud-config\s/.test(text)) {
		provision.complain(
			"user-data is not used: its first line is not #cloud-config",
		);
		return;
	}
	const config = mapOf(parseYaml(text, "user-data", provision));
	for (const [key, value] of Object.entries(config))
		readKey(key, value, config, provision);
	const hostName = hostNameIn(config);
	if (hostName !== undefined) provision.addHostName(hostName);
	readUsers(config, provision);
}

function readKey(
	key: string,
	value: unknown,
	config: Record<string, unknown>,
	provision: Provision,
): void {
	switch (key) {
		case "hostname":
		case "fqdn":
		case "password":
			break;
		case "ssh_authorized_keys":
			for (const one of textsOf(value)) provision.addKey(one);
			break;
		case "timezone": {
			const zone = textOf(value);
			if (zone !== undefined) provision.addTimeZone(zone);
			break;
		}
		case "ntp": {
			const { servers, pools } = mapOf(value);
			provision.addTimeServers([...textsOf(servers), ...textsOf(pools)]);
			break;
		}
		case "ssh_pwauth":
			if (isFalse(value))
				provision.complain(
					"user-data: SSH continues to accept passwords (ssh_pwauth)",
				);
			break;
		default:
			if (!harmless.has(key) && config[key] !== undefined)
				provision.complain(
					`user-data: ${quoted(key)} has no effect on this platform`,
				);
	}
}

/** Returns the name with its domain, if both are there. */
function hostNameIn(config: Record<string, unknown>): string | undefined {
	if (isTrue(config.preserve_hostname)) return undefined;
	const [fqdn, hostname] = [textOf(config.fqdn), textOf(config.hostname)];
	return fqdn ?? hostname;
}

/** Whether user-data names the machine. */
export function namesHost(text: string): boolean {
	return /^(hostname|fqdn|preserve_hostname)\s*:/m.test(text);
}

function readUsers(
	config: Record<string, unknown>,
	provision: Provision,
): void {
	const names = new Set(administrators);
	// cloud-init would create this user: here it means the administrator.
	const user = textOf(config.user) ?? textOf(mapOf(config.user).name);
	if (user !== undefined) {
		names.add(user);
		if (!administrators.includes(user))
			provision.complain(
				`user-data: the user ${quoted(user)} is not created; its password and SSH keys are those of root and admin`,
			);
	}
	const accepts = (name: string | undefined) => {
		if (name !== undefined && names.has(name)) return true;
		provision.complain(
			`user-data: the user ${quoted(name ?? "")} is not created: there are root and admin`,
		);
		return false;
	};

	const password = textOf(config.password);
	if (password !== undefined) provision.addPassword(password);
	for (const entry of [config.user, ...listOf(config.users)]) {
		if (entry === "default" || typeof entry !== "object") continue;
		const settings = mapOf(entry);
		if (!accepts(textOf(settings.name))) continue;
		for (const key of textsOf(settings.ssh_authorized_keys))
			provision.addKey(key);
		const own =
			textOf(settings.hashed_passwd) ??
			textOf(settings.passwd) ??
			textOf(settings.plain_text_passwd);
		if (own !== undefined) provision.addPassword(own);
	}
	readPasswords(mapOf(config.chpasswd), accepts, provision);
}

/** @param accepts whether the user of a password is known; complains otherwise. */
function readPasswords(
	{ list, users }: Record<string, unknown>,
	accepts: (user: string | undefined) => boolean,
	provision: Provision,
): void {
	const lines = textsOf(list).flatMap((text) => text.split("\n"));
	const pairs = lines
		.filter((line) => line.trim() !== "")
		.map((line) => {
			const colon = line.indexOf(":");
			return { name: line.slice(0, colon), password: line.slice(colon + 1) };
		});
	for (const entry of listOf(users)) {
		const { name, password, type } = mapOf(entry);
		pairs.push({
			name: textOf(name) ?? "",
			password: textOf(type) === "RANDOM" ? "RANDOM" : (textOf(password) ?? ""),
		});
	}
	for (const { name, password } of pairs)
		if (!accepts(name)) continue;
		else if (/^(RANDOM|R)?$/.test(password))
			provision.complain(
				`user-data: ${quoted(name)} gets no password: random ones are not supported`,
			);
		else provision.addPassword(password);
}
