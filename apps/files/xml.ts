import { SaxesParser } from "saxes";
import { DavError } from "./dav-error.ts";

export interface XmlElement {
	namespace: string;
	name: string;
	attributes: { namespace: string; name: string; value: string }[];
	children: (XmlElement | string)[];
}

export const davNamespace = "DAV:";
const xmlNamespace = "http://www.w3.org/XML/1998/namespace";
const xmlnsNamespace = "http://www.w3.org/2000/xmlns/";
const maxElements = 1_000;
const maxDepth = 50;

/**
 * Parses a document. A DTD is an error, and so are entities other than XML's five.
 * @throws DavError if the document is not well-formed, too long or too deep.
 */
export function parseXml(text: string): XmlElement {
	const parser = new SaxesParser({ xmlns: true, position: false });
	const root: XmlElement = elementOf("", "");
	const open = [root];
	let elements = 0;
	const add = (child: XmlElement | string) => open.at(-1)?.children.push(child);
	parser.on("error", ({ message }) => {
		throw new DavError(400, message);
	});
	parser.on("doctype", () => {
		throw new DavError(403, "A DTD is not allowed", "no-external-entities");
	});
	parser.on("opentag", ({ uri, local, attributes }) => {
		elements += 1;
		if (elements > maxElements || open.length > maxDepth)
			throw new DavError(
				413,
				"The XML has too many or too deeply nested elements",
			);
		const element = elementOf(uri, local);
		for (const { uri: namespace, local: name, value } of Object.values(
			attributes,
		))
			if (namespace !== xmlnsNamespace)
				element.attributes.push({ namespace, name, value });
		add(element);
		open.push(element);
	});
	parser.on("closetag", () => void open.pop());
	parser.on("text", add);
	parser.on("cdata", add);
	parser.write(text).close();
	const document = root.children.find((child) => typeof child !== "string");
	if (document === undefined) throw new DavError(400, "The XML has no element");
	return document;
}

/** Formats an element on its own, except for the prefix `D`, which every document declares for `DAV:`. */
export function formatXml(element: XmlElement): string {
	const { namespace, name, attributes, children } = element;
	const written = attributes.map(({ namespace: uri, name: local, value }, n) =>
		uri === ""
			? ` ${local}="${escapeXml(value)}"`
			: uri === xmlNamespace
				? ` xml:${local}="${escapeXml(value)}"`
				: ` a${n}:${local}="${escapeXml(value)}" xmlns:a${n}="${escapeXml(uri)}"`,
	);
	const content = children.map((child) =>
		typeof child === "string" ? escapeXml(child) : formatXml(child),
	);
	return formatElement(namespace, name, content.join(""), written.join(""));
}

/** @param content and @param attributes as XML. */
export function formatElement(
	namespace: string,
	name: string,
	content = "",
	attributes = "",
): string {
	if (namespace === davNamespace)
		return `<D:${name}${attributes}>${content}</D:${name}>`;
	if (namespace === "") return `<${name}${attributes}>${content}</${name}>`;
	return `<x:${name} xmlns:x="${escapeXml(namespace)}"${attributes}>${content}</x:${name}>`;
}

/** Formats an element of DAV:. */
export function dav(name: string, ...content: string[]): string {
	return formatElement(davNamespace, name, content.join(""));
}

export const xmlHead = '<?xml version="1.0" encoding="utf-8"?>\n';
export const davDeclaration = ' xmlns:D="DAV:"';

/** Formats a document whose root is an element of DAV:. */
export function davDocument(name: string, ...content: string[]): string {
	const text = content.join("");
	return `${xmlHead}${formatElement(davNamespace, name, text, davDeclaration)}`;
}

export function escapeXml(text: string): string {
	return text.replace(
		/[&<>"\t\n\r]/g,
		(character) => `&#${character.charCodeAt(0)};`,
	);
}

export function elementsOf({ children }: XmlElement): XmlElement[] {
	return children.filter((child) => typeof child !== "string");
}

export function davChild(
	element: XmlElement | undefined,
	name: string,
): XmlElement | undefined {
	return (
		element &&
		elementsOf(element).find(
			(child) => child.namespace === davNamespace && child.name === name,
		)
	);
}

function elementOf(namespace: string, name: string): XmlElement {
	return { namespace, name, attributes: [], children: [] };
}
