import type { Content } from "./contents.ts";
import type { Database, Transaction } from "./database.ts";
import type { Path } from "./paths.ts";

/** A file or directory. */
export interface Node {
	id: string;
	name: string;
	/** A directory has none. */
	content: Content | undefined;
	created: Date;
	modified: Date;
}

interface NodeRow {
	id: string;
	name: string;
	created: Date;
	modified: Date;
	contentId: string | null;
	type: string;
	sizeBytes: string;
}

const columns = `node.id, node.name, node.created, node.modified,
	content.id AS "contentId", content.type, content.size_bytes AS "sizeBytes"`;
const withContent = "node LEFT JOIN content ON content.id = node.content";

/** The node $1 and all below it: `tree` with `id` and `level`. */
const tree = `tree AS (
	SELECT id, parent, 0 AS level FROM node WHERE id = $1
	UNION ALL
	SELECT node.id, node.parent, level + 1 FROM tree JOIN node ON node.parent = tree.id
)`;

export function etagOf({ content }: Node): string | undefined {
	return content && `"${content.id}"`;
}

export async function findNode(
	database: Database,
	path: Path,
): Promise<Node | undefined> {
	const { rows } = await database.query<NodeRow>(
		`WITH RECURSIVE walk AS (
			SELECT id, 0 AS level FROM node WHERE parent IS NULL
			UNION ALL
			SELECT node.id, level + 1 FROM walk
			JOIN node ON node.parent = walk.id AND node.name = ($1::text[])[level + 1]
		)
		SELECT ${columns} FROM walk JOIN ${withContent} ON node.id = walk.id
		WHERE level = cardinality($1::text[])`,
		[path],
	);
	return rows.map(nodeOf)[0];
}

/** @returns members in the order of their names. @param after the name before the first one. */
export async function membersOf(
	database: Database,
	{ id }: Node,
	{ after, limit }: { after: string; limit: number },
): Promise<Node[]> {
	const { rows } = await database.query<NodeRow>(
		`SELECT ${columns} FROM ${withContent}
		 WHERE node.parent = $1 AND node.name > $2 ORDER BY node.name LIMIT $3`,
		[id, after, limit],
	);
	return rows.map(nodeOf);
}

/** @returns the number of levels below the node. */
export async function heightOf(
	database: Database,
	{ id }: Node,
): Promise<number> {
	const { rows } = await database.query<{ height: number }>(
		`WITH RECURSIVE ${tree} SELECT max(level) AS height FROM tree`,
		[id],
	);
	return rows[0]?.height ?? 0;
}

/** @param content undefined for a directory. */
export async function addNode(
	database: Database,
	parent: Node,
	name: string,
	content?: Content,
): Promise<void> {
	await database.query(
		"INSERT INTO node (parent, name, content) VALUES ($1, $2, $3)",
		[parent.id, name, content?.id],
	);
}

/** Marks a content as complete. */
export async function finishContent(
	database: Database,
	{ id, sizeBytes }: Content,
): Promise<void> {
	await database.query("UPDATE content SET size_bytes = $2 WHERE id = $1", [
		id,
		sizeBytes,
	]);
}

export async function replaceContent(
	transaction: Transaction,
	node: Node,
	content: Content,
): Promise<void> {
	await transaction.query(
		"UPDATE node SET content = $2, modified = now() WHERE id = $1",
		[node.id, content.id],
	);
	if (node.content) transaction.dropped.push(node.content.id);
}

/** Deletes a node with all that is below it. */
export async function deleteNode(
	transaction: Transaction,
	{ id }: Node,
): Promise<void> {
	const { rows } = await transaction.query<{ content: string | null }>(
		`WITH RECURSIVE ${tree}
		 DELETE FROM node USING tree WHERE node.id = tree.id RETURNING content`,
		[id],
	);
	for (const { content } of rows)
		if (content) transaction.dropped.push(content);
}

export async function moveNode(
	transaction: Transaction,
	{ id }: Node,
	parent: Node,
	name: string,
): Promise<void> {
	await transaction.query(
		"UPDATE node SET parent = $2, name = $3 WHERE id = $1",
		[id, parent.id, name],
	);
}

/** Copies a node with its properties and, unless shallow, all that is below it. Contents are shared. */
export async function copyNode(
	transaction: Transaction,
	{ id }: Node,
	to: { parent: Node; name: string; isShallow: boolean },
): Promise<void> {
	await transaction.query(
		`WITH RECURSIVE ${tree}, twin AS MATERIALIZED (
			SELECT id, parent, gen_random_uuid() AS twin FROM tree WHERE level = 0 OR NOT $4
		), copied AS (
			INSERT INTO node (id, parent, name, content, modified)
			SELECT twin.twin, coalesce(above.twin, $2), CASE node.id WHEN $1 THEN $3 ELSE node.name END,
				node.content, node.modified
			FROM twin JOIN node USING (id) LEFT JOIN twin AS above ON above.id = twin.parent
		)
		INSERT INTO property
		SELECT twin, namespace, name, xml FROM twin JOIN property ON property.node = twin.id`,
		[id, to.parent.id, to.name, to.isShallow],
	);
}

function nodeOf(row: NodeRow): Node {
	const { id, name, created, modified, contentId, type, sizeBytes } = row;
	const content =
		contentId === null
			? undefined
			: { id: contentId, type, sizeBytes: Number(sizeBytes) };
	return { id, name, content, created, modified };
}
