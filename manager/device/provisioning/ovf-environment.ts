import { createHash } from "node:crypto";
import { SaxesParser } from "saxes";
import type { Provision } from "./provision.ts";
import { readWords } from "./words.ts";

const namespace = "http://schemas.dmtf.org/ovf/environment/1";

/** Reads the properties that a person has entered in VMware's dialog. */
export function readOvfEnvironment(text: string, provision: Provision): void {
	let properties: [string, string][];
	try {
		properties = propertiesOf(text);
	} catch {
		// The parser's message may contain a part of the text, and so the password.
		provision.complain("this is not an OVF environment");
		return;
	}
	// The rest of the environment changes with the host and the network.
	const hash = createHash("sha256").update(JSON.stringify(properties.sort()));
	provision.setId(hash.digest("hex"));
	readWords(properties, provision);
}

/** @throws Error if the text is not XML. A DTD is an error. */
function propertiesOf(text: string): [string, string][] {
	const parser = new SaxesParser({ xmlns: true, position: false });
	const properties: [string, string][] = [];
	// Sections of other virtual machines of a vApp are within <Entity>.
	let entities = 0;
	const isEntity = ({ uri, local }: { uri: string; local: string }) =>
		uri === namespace && local === "Entity";
	parser.on("error", (error) => {
		throw error;
	});
	parser.on("doctype", () => {
		throw new Error("A DTD is not allowed");
	});
	parser.on("opentag", (tag) => {
		if (isEntity(tag)) entities += 1;
		if (tag.uri !== namespace || tag.local !== "Property" || entities > 0)
			return;
		const attribute = (name: string) =>
			Object.values(tag.attributes).find(
				({ uri, local }) => local === name && uri === namespace,
			)?.value ?? "";
		properties.push([attribute("key"), attribute("value")]);
	});
	parser.on("closetag", (tag) => {
		if (isEntity(tag)) entities -= 1;
	});
	parser.write(text).close();
	return properties;
}
