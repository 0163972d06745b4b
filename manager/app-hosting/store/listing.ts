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

/** A file of an app as a store lists it. */
export interface ListedFile extends Pick<ServiceFile, "name"> {
	/** In the store. */
	path: string;
	/** Optional: the published layout has no checksums. */
	sha256: string | undefined;
}

/** Returns the files of an app's build for this machine. @throws OperationError */
export async function listFiles(
	source: StoreSource,
	{ id, folder }: StoreApp,
	build: string,
	signal: AbortSignal,
): Promise<ListedFile[]> {
	const target = TARGET_NAMES[process.arch] ?? process.arch;
	const listFile = `${build}/${id}_files`;
	const list = await source.text(listFile, maxListBytes, signal);
	const names = parseStoreFile(listFile, () => parseFileList(list));
	const sumsFile = `${build}/${id}_sha256`;
	const sums = await source.text(sumsFile, maxListBytes, signal).then(
		(text) => parseStoreFile(sumsFile, () => parseSums(text)),
		(error: OperationError) => {
			if (error.code === fileMissing) return undefined;
			throw error;
		},
	);
	return names.map((name) => {
		const path = `${target}/${folder}/${name}`;
		const sha256 = sums?.get(path);
		if (sums && !sha256)
			throw new OperationError(
				"upstream",
				"storeFailed",
				`The store's ${sumsFile} has no checksum for ${path}`,
			);
		return { name, path: `${build}/${path}`, sha256 };
	});
}

/** @throws OperationError if the store cannot be read or is not a store. */
export async function readApps(
	source: StoreSource,
	signal: AbortSignal,
): Promise<StoreApp[]> {
	const text = await source.text("apps.json", maxCatalogueBytes, signal);
	const { apps } = parseStoreFile("apps.json", () =>
		catalogue.parse(JSON.parse(text)),
	);
	return apps;
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
		throw new OperationError(
			"upstream",
			"storeFailed",
			`The store's ${file} cannot be used: ${reason}`,
		);
	}
}
