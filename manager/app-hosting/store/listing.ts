import { createHash } from "node:crypto";
import * as z from "zod";
import { OperationError } from "../../shared/operation-error.ts";
import type { ServiceFile } from "../services/service.ts";
import {
	catalogue,
	parseFileList,
	parseSums,
	type StoreApp,
} from "./catalogue.ts";
import { fileMissing, type StoreSource } from "./store-source.ts";

const maxCatalogueBytes = 8 * 1024 * 1024;
const maxListBytes = 64 * 1024;
/** Of the files of all targets. */
const maxSumsBytes = 1024 * 1024;

/** A file of an app as a store lists it. */
export interface ListedFile extends Pick<ServiceFile, "name"> {
	/** In the store. */
	path: string;
	/** Undefined only in a store without a signature: the published layout has no checksums. */
	sha256: string | undefined;
}

/**
 * Returns the files of an app's build for this machine.
 * @param isSigned requires checksums that the catalogue covers.
 * @throws OperationError if the store cannot be read, or if its files and checksums differ from its catalogue.
 */
export async function listFiles(
	source: StoreSource,
	{ id, folder }: StoreApp,
	{ build, sums: sumOfSums }: StoreApp["versions"][0],
	isSigned: boolean,
	signal: AbortSignal,
): Promise<ListedFile[]> {
	if (isSigned && sumOfSums === undefined)
		throw storeFailed(
			`The store is signed, but its signature does not cover the files of ${id}: "sums" is missing in apps.json. Publish it with npm run store`,
		);
	const target = TARGET_NAMES[process.arch] ?? process.arch;
	const listFile = `${build}/${id}_files`;
	const list = await source.text(listFile, maxListBytes, signal);
	const names = parseStoreFile(listFile, () => parseFileList(list));
	const sumsFile = `${build}/${id}_sha256`;
	const text = await source
		.text(sumsFile, maxSumsBytes, signal)
		.catch((error: OperationError) => {
			if (error.code === fileMissing && sumOfSums === undefined)
				return undefined;
			throw error;
		});
	if (
		sumOfSums !== undefined &&
		createHash("sha256")
			.update(text ?? "")
			.digest("hex") !== sumOfSums
	)
		throw storeFailed(
			`The store's ${sumsFile} is damaged: its checksum differs from the one in apps.json`,
		);
	const sums =
		text === undefined
			? undefined
			: parseStoreFile(sumsFile, () => parseSums(text));
	const prefix = `${target}/${folder}/`;
	const files = names.map((name) => {
		const path = `${prefix}${name}`;
		const sha256 = sums?.get(path);
		if (sums && !sha256)
			throw storeFailed(`The store's ${sumsFile} has no checksum for ${path}`);
		return { name, path: `${build}/${path}`, sha256 };
	});
	if (sumOfSums !== undefined)
		for (const path of sums?.keys() ?? [])
			if (path.startsWith(prefix) && !names.includes(path.slice(prefix.length)))
				throw storeFailed(
					`The store's ${listFile} lacks ${path.slice(prefix.length)}, for which there is a checksum`,
				);
	return files;
}

/** A store's apps.json. */
export interface Catalogue {
	apps: StoreApp[];
	/** What a signature is of. */
	content: string;
}

/** @throws OperationError if the store cannot be read or is not a store. */
export async function readCatalogue(
	source: StoreSource,
	signal: AbortSignal,
): Promise<Catalogue> {
	const content = await source.text("apps.json", maxCatalogueBytes, signal);
	const { apps } = parseStoreFile("apps.json", () =>
		catalogue.parse(JSON.parse(content)),
	);
	return { apps, content };
}

/** @throws OperationError naming the file if it cannot be parsed. */
function parseStoreFile<Result>(file: string, parse: () => Result): Result {
	try {
		return parse();
	} catch (error) {
		const reason =
			error instanceof z.ZodError
				? z.prettifyError(error)
				: (error as Error).message;
		throw storeFailed(`The store's ${file} cannot be used: ${reason}`);
	}
}

function storeFailed(message: string): OperationError {
	return new OperationError("upstream", "storeFailed", message);
}
