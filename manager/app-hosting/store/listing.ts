import * as z from "zod";
import { OperationError } from "../../shared/operation-error.ts";
import type { ServiceFile } from "../services/service.ts";
import {
	catalogue,
	parseFileList,
	parseSums,
	type StoreApp,
} from "./catalogue.ts";
import { missing, type StoreSource } from "./source.ts";

const mostCatalogueBytes = 8 * 1024 * 1024;
const mostListBytes = 64 * 1024;

/** What a store calls machines, by what Node calls their processors. */
const targetOf: Partial<Record<string, string>> = {
	x64: "x86_64",
	arm64: "arm64",
	arm: "arm",
};

/** A file of an app as a store lists it. */
export interface ListedFile extends Pick<ServiceFile, "name"> {
	/** In the store. */
	path: string;
	/** Where the store says it: the published layout does not. */
	sha256: string | undefined;
}

/** The files of an app's build, for this machine. @throws OperationError */
export async function listFiles(
	source: StoreSource,
	{ id, folder }: StoreApp,
	build: string,
	signal: AbortSignal,
): Promise<ListedFile[]> {
	const target = targetOf[process.arch] ?? process.arch;
	const listFile = `${build}/${id}_files`;
	const list = await source.text(listFile, mostListBytes, signal);
	const names = understood(listFile, () => parseFileList(list));
	const sumsFile = `${build}/${id}_sha256`;
	const sums = await source.text(sumsFile, mostListBytes, signal).then(
		(text) => understood(sumsFile, () => parseSums(text)),
		(error: OperationError) => {
			if (error.code === missing) return undefined;
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
				`The store's ${sumsFile} has no checksum of ${path}`,
			);
		return { name, path: `${build}/${path}`, sha256 };
	});
}

/** @throws OperationError where the store cannot be read, or is none. */
export async function appsOf(
	source: StoreSource,
	signal: AbortSignal,
): Promise<StoreApp[]> {
	const text = await source.text("apps.json", mostCatalogueBytes, signal);
	return understood("apps.json", () => catalogue.parse(JSON.parse(text))).apps;
}

/** @throws OperationError that names the file whose content is not what it should be. */
function understood<Result>(file: string, read: () => Result): Result {
	try {
		return read();
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
