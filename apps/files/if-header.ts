import { DavError } from "./dav-error.ts";

/** `(Not <token> [etag] …)`: holds if all its conditions hold. */
interface List {
	/** The URL of the resource; undefined for the resource of the request. */
	resource: string | undefined;
	conditions: Condition[];
}

interface Condition {
	isNegated: boolean;
	kind: "token" | "etag";
	value: string;
}

/** The state of a resource, with which conditions are compared. */
export interface ResourceState {
	tokens: readonly string[];
	etag: string | undefined;
}

const part =
	/\s*(?:(?<bracket>[()])|(?<not>Not(?=[\s<[]))|<(?<url>[^<>]+)>|\[(?<etag>(?:W\/)?"[^"]*")\])\s*/iy;

/** The header `If` of RFC 4918, 10.4. */
export class IfHeader {
	readonly #lists: readonly List[];

	/** @throws DavError if the text is malformed. */
	constructor(text: string) {
		this.#lists = parse(text);
	}

	/** All tokens: each counts as submitted, wherever the header names it. */
	get tokens(): string[] {
		return this.#lists
			.flatMap(({ conditions }) => conditions)
			.filter(({ kind }) => kind === "token")
			.map(({ value }) => value);
	}

	/** The resources whose states `holds` needs. */
	get resources(): (string | undefined)[] {
		return [...new Set(this.#lists.map(({ resource }) => resource))];
	}

	/** Whether at least one of the lists holds. */
	holds(
		states: ReadonlyMap<string | undefined, Readonly<ResourceState>>,
	): boolean {
		return this.#lists.some(({ resource, conditions }) => {
			const state = states.get(resource);
			return conditions.every(({ isNegated, kind, value }) => {
				const isTrue =
					kind === "token"
						? state?.tokens.includes(value) === true
						: state?.etag === value;
				return isTrue !== isNegated;
			});
		});
	}
}

function parse(text: string): List[] {
	const lists: List[] = [];
	let resource: string | undefined;
	let conditions: Condition[] | undefined;
	let isNegated = false;
	part.lastIndex = 0;
	while (part.lastIndex < text.length) {
		const { bracket, not, url, etag } = part.exec(text)?.groups ?? {};
		if (bracket === "(" && !conditions) conditions = [];
		else if (bracket === ")" && conditions?.length && !isNegated) {
			lists.push({ resource, conditions });
			conditions = undefined;
		} else if (not && conditions && !isNegated) isNegated = true;
		else if (url !== undefined && !conditions) resource = url;
		else if ((url ?? etag) !== undefined && conditions) {
			const kind = etag === undefined ? "token" : "etag";
			conditions.push({ isNegated, kind, value: url ?? etag ?? "" });
			isNegated = false;
		} else throw new DavError(400, "The header If is malformed");
	}
	if (conditions || lists.length === 0)
		throw new DavError(400, "The header If is incomplete");
	return lists;
}
