import { Refusal } from "./refusal.ts";

/** `(Not <token> [etag] …)`: holds when all its conditions do. */
interface List {
	/** What it is about, a URL; without it, what the request is about. */
	resource: string | undefined;
	conditions: Condition[];
}

interface Condition {
	isNegated: boolean;
	kind: "token" | "etag";
	value: string;
}

/** What conditions are compared with. */
export interface ResourceState {
	tokens: readonly string[];
	etag: string | undefined;
}

const part =
	/\s*(?:(?<bracket>[()])|(?<not>Not(?=[\s<[]))|<(?<url>[^<>]+)>|\[(?<etag>(?:W\/)?"[^"]*")\])\s*/iy;

/** The header `If` of RFC 4918, 10.4. */
export class IfHeader {
	readonly #lists: readonly List[];

	/** @throws Refusal where it breaks the grammar. */
	constructor(text: string) {
		this.#lists = parse(text);
	}

	/** Whoever names a token knows it, wherever it is named. */
	get tokens(): string[] {
		return this.#lists
			.flatMap(({ conditions }) => conditions)
			.filter(({ kind }) => kind === "token")
			.map(({ value }) => value);
	}

	/** All that `holds` will ask for. */
	get resources(): (string | undefined)[] {
		return [...new Set(this.#lists.map(({ resource }) => resource))];
	}

	/** Whether one of its lists does. */
	holds(
		states: ReadonlyMap<string | undefined, Readonly<ResourceState>>,
	): boolean {
		return this.#lists.some(({ resource, conditions }) => {
			const state = states.get(resource);
			return conditions.every(({ isNegated, kind, value }) => {
				const isSo =
					kind === "token"
						? state?.tokens.includes(value) === true
						: state?.etag === value;
				return isSo !== isNegated;
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
		} else throw new Refusal(400, "The header If is wrong");
	}
	if (conditions || lists.length === 0)
		throw new Refusal(400, "The header If is cut off");
	return lists;
}
