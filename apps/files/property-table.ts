import type { Database } from "./database.ts";
import type { Node } from "./tree.ts";

/** A property that clients store with a file; it has no meaning for the server. */
export interface DeadProperty {
	namespace: string;
	name: string;
	/** The whole element. */
	xml: string;
}

/** @returns the properties by the ids of the nodes. */
export async function propertiesOf(
	database: Database,
	nodes: readonly Node[],
): Promise<Map<string, DeadProperty[]>> {
	const { rows } = await database.query<DeadProperty & { node: string }>(
		"SELECT node, namespace, name, xml FROM property WHERE node = ANY($1) ORDER BY namespace, name",
		[nodes.map(({ id }) => id)],
	);
	return new Map(
		nodes.map(({ id }) => [id, rows.filter(({ node }) => node === id)]),
	);
}

export async function setProperty(
	database: Database,
	{ id }: Node,
	{ namespace, name, xml }: DeadProperty,
): Promise<void> {
	await database.query(
		`INSERT INTO property VALUES ($1, $2, $3, $4)
		 ON CONFLICT (node, namespace, name) DO UPDATE SET xml = excluded.xml`,
		[id, namespace, name, xml],
	);
}

export async function removeProperty(
	database: Database,
	{ id }: Node,
	{ namespace, name }: Pick<DeadProperty, "namespace" | "name">,
): Promise<void> {
	await database.query(
		"DELETE FROM property WHERE node = $1 AND namespace = $2 AND name = $3",
		[id, namespace, name],
	);
}
