import type { IncomingMessage, ServerResponse } from "node:http";
import { addressKey, type StaticFiles } from "../../sdk/index.ts";
import { DavError } from "./dav-error.ts";
import { hrefOf, type Path, parseReference } from "./paths.ts";
import type { Storage } from "./storage.ts";
import { parseXml, type XmlElement } from "./xml.ts";

const maxXmlBytes = 64 * 1024;

/** A request, its response, and the path and storage that they are about. */
export class Exchange {
	readonly request: IncomingMessage;
	readonly response: ServerResponse;
	readonly storage: Storage;
	/** Contains page.html. */
	readonly pages: StaticFiles;
	readonly path: Path;
	readonly #instancePath: string;

	/** @param instancePath begins and ends with a slash. */
	constructor(
		request: IncomingMessage,
		response: ServerResponse,
		{
			storage,
			pages,
			path,
			instancePath,
		}: {
			storage: Storage;
			pages: StaticFiles;
			path: Path;
			instancePath: string;
		},
	) {
		this.request = request;
		this.response = response;
		this.storage = storage;
		this.pages = pages;
		this.path = path;
		this.#instancePath = instancePath;
	}

	/** The client's address; all addresses of an IPv6 network count as one client. */
	get client(): string {
		return addressKey(this.header("x-forwarded-for"));
	}

	href(path: Path, isDirectory: boolean): string {
		return hrefOf(path, isDirectory, this.#instancePath);
	}

	/** @param text a URL or path in a header. @throws DavError if it is outside of the instance. */
	pathOf(text: string): Path {
		const { host = "" } = this.request.headers;
		return parseReference(text, host, this.#instancePath);
	}

	/** @throws DavError if the depth is not allowed. */
	depth<Depth extends string>(allowed: readonly Depth[]): Depth {
		const depth = this.header("depth")?.toLowerCase() ?? "infinity";
		const found = allowed.find((one) => one === depth);
		if (found === undefined)
			throw new DavError(400, `Depth must be ${allowed.join(" or ")}`);
		return found;
	}

	header(name: string): string | undefined {
		return this.request.headers[name]?.toString();
	}

	/** @returns undefined if there is no body. @throws DavError if the XML is invalid or too large. */
	async readXml(): Promise<XmlElement | undefined> {
		const pieces: Buffer[] = [];
		let sizeBytes = 0;
		for await (const piece of bodyOf(this.request)) {
			sizeBytes += piece.length;
			if (sizeBytes > maxXmlBytes)
				throw new DavError(413, `The XML has more than ${maxXmlBytes} bytes`);
			pieces.push(piece);
		}
		if (sizeBytes === 0) return undefined;
		return parseXml(decode(Buffer.concat(pieces)));
	}

	answer(status: number, headers: Record<string, string> = {}): void {
		this.response.writeHead(status, headers).end();
	}

	answerXml(
		status: number,
		text: string,
		headers: Record<string, string> = {},
	): void {
		this.response
			.writeHead(status, { ...headers, "content-type": xmlType })
			.end(text);
	}
}

export const xmlType = "application/xml; charset=utf-8";

/** Keeps the connection if reading stops early, so that an answer can still be sent. */
export function bodyOf(request: IncomingMessage): AsyncIterable<Buffer> {
	return request.iterator({ destroyOnReturn: false });
}

export function hasBody({ headers }: IncomingMessage): boolean {
	const { "content-length": length, "transfer-encoding": encoding } = headers;
	return encoding !== undefined || Number(length ?? 0) > 0;
}

function decode(bytes: Buffer): string {
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		throw new DavError(400, "The XML is not UTF-8");
	}
}
