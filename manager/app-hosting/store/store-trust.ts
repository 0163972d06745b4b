import { Mutex } from "async-mutex";
import type { ClientBase } from "pg";
import * as z from "zod";
import type { ConfigTable } from "../../settings/config-table.ts";
import {
	findSigningKey,
	parsePublicKey,
	publicKey,
	readPublicKeys,
} from "../../shared/minisign.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { fileMissing, type StoreSource } from "./store-source.ts";

/** The name of a row in the table `config`. */
const rowName = "storeTrust";
const signatureFile = "apps.json.minisig";
const keyFile = "store.pub";
/** Room for the page that some servers send in place of a missing file. */
const maxBytes = 1024 * 1024;
const signatureStart = "untrusted comment:";

const row = z.array(
	z.object({
		/** As StoreSource has it. */
		url: z.string(),
		/** Null if an administrator has accepted the store without a signature. */
		key: publicKey.nullable(),
	}),
);

/** Who vouches for what a store offers, and whether an administrator has agreed to that. */
export interface StoreSignature {
	state: /** A directory of this device: root has put it there. */
		| "local"
		/** By `key`. */
		| "signed"
		| "unsigned"
		/** Not by the key that an administrator has confirmed: by `key`, or by none. */
		| "changedKey";
	mayInstall: boolean;
	/** Of the signature. */
	key?: string | undefined;
	/** The key that is trusted for this store. */
	trustedKey?: string | undefined;
}

/** The keys of app stores: confirmed by an administrator, or built into the image. */
export class StoreTrust {
	readonly #config: ConfigTable;
	readonly #keysDirectory: string;
	readonly #mutex = new Mutex();

	/** @param keysDirectory has the built-in keys. */
	constructor(config: ConfigTable, keysDirectory: string) {
		this.#config = config;
		this.#keysDirectory = keysDirectory;
	}

	/**
	 * Trusts a store from now on.
	 * @param key null accepts it without a signature.
	 */
	async confirm(source: StoreSource, key: string | null): Promise<void> {
		const url = source.address;
		await this.#mutex.runExclusive(async () => {
			const others = (await this.#confirmed()).filter((one) => one.url !== url);
			await this.#config.write(rowName, [...others, { url, key }]);
		});
	}

	/**
	 * Returns who has signed a store's catalogue.
	 * @param content of its apps.json.
	 * @throws OperationError if the store cannot be read, or if the signature is wrong.
	 */
	async signatureOf(
		source: StoreSource,
		content: string,
		signal: AbortSignal,
	): Promise<StoreSignature> {
		if (source.isLocal) return { state: "local", mayInstall: true };
		const confirmed = (await this.#confirmed()).find(
			({ url }) => url === source.address,
		);
		const pinned = confirmed?.key ?? undefined;
		const isAcceptedUnsigned = confirmed?.key === null;
		const signature = await textIfExists(source, signatureFile, signal);
		if (!signature?.startsWith(signatureStart))
			return pinned === undefined
				? { state: "unsigned", mayInstall: isAcceptedUnsigned }
				: { state: "changedKey", mayInstall: false, trustedKey: pinned };
		const builtIn = await readPublicKeys(this.#keysDirectory);
		const trusted = pinned === undefined ? builtIn : [pinned, ...builtIn];
		const offered = parsePublicKey(
			(await textIfExists(source, keyFile, signal)) ?? "",
		);
		const key = await findSigningKey(
			content,
			signature,
			offered === undefined ? trusted : [...trusted, offered],
		);
		if (key === undefined) throw wrongSignature(source);
		if (trusted.includes(key))
			return { state: "signed", mayInstall: true, key, trustedKey: key };
		return pinned === undefined
			? { state: "signed", mayInstall: isAcceptedUnsigned, key }
			: { state: "changedKey", mayInstall: false, key, trustedKey: pinned };
	}

	async #confirmed(): Promise<z.output<typeof row>> {
		return (await this.#config.read(rowName, row)) ?? [];
	}
}

/** @throws OperationError that says what an administrator has to decide first. */
export function assertMayInstall(
	{ address }: StoreSource,
	{ state, mayInstall, key, trustedKey }: StoreSignature,
): void {
	if (mayInstall) return;
	const refused = (code: string, message: string) =>
		new OperationError("conflict", code, `Nothing was installed: ${message}`);
	if (state === "unsigned")
		throw refused(
			"storeUnsigned",
			`the store ${address} is not signed: whoever controls its server, or the network on the way to it, can replace its apps with other programs. Ask its operator to sign it, or accept that, on the page Apps, or with storeTrust and the key null`,
		);
	const confirm = "confirm it on the page Apps or with storeTrust";
	if (state === "signed")
		throw refused(
			"storeKeyUnknown",
			`the store ${address} is signed with the key ${key}, which this device does not know. Compare it with the key that the store's operator publishes, then ${confirm}`,
		);
	throw refused(
		"storeKeyChanged",
		`the store ${address} was signed with the key ${trustedKey}, now it is ${key === undefined ? "not signed" : `signed with ${key}`}. Somebody else may offer apps in its name. Ask its operator; if the change is right, ${confirm}`,
	);
}

/** Devices that already had a store keep installing from it: it counts as accepted without a signature. */
export async function acceptStoredStore(client: ClientBase): Promise<void> {
	await client.query(
		`INSERT INTO config (name, value)
		 SELECT $1, jsonb_build_array(jsonb_build_object(
			'url', regexp_replace(value #>> '{}', '/(apps\\.json)?$', ''), 'key', NULL))
		 FROM config WHERE name = 'appStoreUrl' AND value #>> '{}' LIKE 'http%'
		 ON CONFLICT DO NOTHING`,
		[rowName],
	);
}

async function textIfExists(
	source: StoreSource,
	path: string,
	signal: AbortSignal,
): Promise<string | undefined> {
	return source.text(path, maxBytes, signal).catch((error: OperationError) => {
		if (error.code === fileMissing) return undefined;
		throw error;
	});
}

function wrongSignature({ address }: StoreSource): OperationError {
	return new OperationError(
		"upstream",
		"storeSignature",
		`The apps.json of the store ${address} does not match its signature: it was altered, is damaged, or is being published at this moment`,
	);
}
