/**
 * Finds the item to drop from a full list, so that one source cannot displace others.
 * @param items the oldest first; not empty.
 * @returns the oldest item of the source that has the most.
 */
export function oldestOfGreediest<Item extends { source: string }>(
	items: Iterable<Item>,
): Item | undefined {
	const bySource = new Map<string, Item[]>();
	for (const item of items)
		bySource.set(item.source, [...(bySource.get(item.source) ?? []), item]);
	let greediest: Item[] = [];
	for (const list of bySource.values())
		if (list.length > greediest.length) greediest = list;
	return greediest[0];
}
