import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { namesHost, readUserData } from "./cloud-config.ts";
import {
	type Card,
	readInterfaces,
	readNetworkConfig,
} from "./network-config.ts";
import { readOvfEnvironment } from "./ovf-environment.ts";
import type { Provision } from "./provision.ts";
import { readWords, wordsInFile } from "./words.ts";
import { mapOf, parseYaml, textOf, textsOf } from "./yaml.ts";

/** Reads the copied files of a source from a directory. Files that are missing count as empty. */
type Reader = (
	directory: string,
	cards: readonly Card[],
	provision: Provision,
) => Promise<void>;

/** The kinds of sources. */
export const readers: Readonly<Record<string, Reader>> = {
	async file(directory, _cards, provision) {
		const text = await read(directory, "provision.txt", provision);
		readWords(wordsInFile(text), provision);
	},
	async ovf(directory, _cards, provision) {
		const text = await read(directory, "ovf-env.xml", provision);
		readOvfEnvironment(text, provision);
	},
	async nocloud(directory, cards, provision) {
		const userData = await read(directory, "user-data", provision);
		const metaData = mapOf(
			parseYaml(
				await read(directory, "meta-data", provision),
				"meta-data",
				provision,
			),
		);
		const id = textOf(metaData["instance-id"]);
		if (id !== undefined) provision.setId(id);
		const name = textOf(metaData["local-hostname"]);
		if (name !== undefined && !namesHost(userData)) provision.addHostName(name);
		readNetworkConfig(
			await read(directory, "network-config", provision),
			cards,
			provision,
		);
		readUserData(userData, provision);
	},
	async configdrive(directory, cards, provision) {
		const userData = await read(directory, "user_data", provision);
		const metaData = mapOf(
			parseYaml(
				await read(directory, "meta_data.json", provision),
				"meta_data.json",
				provision,
			),
		);
		const id = textOf(metaData.uuid);
		if (id !== undefined) provision.setId(id);
		const name = textOf(metaData.hostname);
		if (name !== undefined && !namesHost(userData)) provision.addHostName(name);
		readInterfaces(await read(directory, "0000", provision), cards, provision);
		if (await read(directory, "network_data.json", provision))
			provision.complain(
				"network_data.json is not used: only the network configuration of Proxmox is known",
			);
		for (const key of Object.values(mapOf(metaData.public_keys)).flatMap(
			textsOf,
		))
			provision.addKey(key);
		readUserData(userData, provision);
		const password = textOf(metaData.admin_pass);
		if (password !== undefined) provision.addPassword(password);
	},
};

async function read(
	directory: string,
	name: string,
	provision: Provision,
): Promise<string> {
	const bytes = await readFile(join(directory, name)).catch(
		(error: NodeJS.ErrnoException) => {
			if (error.code === "ENOENT") return Buffer.alloc(0);
			throw error;
		},
	);
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		provision.complain(`${name} is not used: it is not a text in UTF-8`);
		return "";
	}
}
