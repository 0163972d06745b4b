/** A mapping of a process, from /proc/PID/smaps. */
export interface Mapping {
	readonly start: number;
	readonly end: number;
	/** As in a program header: 4 readable, 2 writable, 1 executable. */
	readonly flags: number;
	readonly kind: "anonymous" | "file" | "shared memory" | "excluded";
	/** Begins with the first byte of a file. */
	readonly isFileStart: boolean;
	/** In memory or swapped out, without the kernel's shared zero page. */
	readonly residentBytes: number;
}

const HEADER =
	/^([0-9a-f]+)-([0-9a-f]+) (\S{3})(\S) ([0-9a-f]+) \S+ (\d+) *(.*)$/;
/** Shared memory appears as a file: a deleted one, or one that exists only in memory. */
const SHARED_MEMORY = /^\/dev\/shm\/|^\/memfd:| \(deleted\)$/;

/** Parses the text of /proc/PID/smaps. */
export function parseMappings(smaps: string): Mapping[] {
	const mappings: Mapping[] = [];
	let lines: string[] = [];
	const add = () => {
		const mapping = parseMapping(lines);
		if (mapping) mappings.push(mapping);
	};
	for (const line of smaps.split("\n")) {
		if (HEADER.test(line)) {
			add();
			lines = [];
		}
		lines.push(line);
	}
	add();
	return mappings;
}

function parseMapping(lines: readonly string[]): Mapping | undefined {
	const header = HEADER.exec(lines[0] ?? "");
	if (!header) return undefined;
	const [, start = "", end = "", rights = "", sharing, offset, inode, name] =
		header;
	const fields = new Map(
		lines.slice(1).map((line) => {
			const [key = "", value = ""] = line.split(":");
			return [key, value.trim()] as const;
		}),
	);
	const isFile = inode !== "0";
	return {
		start: Number.parseInt(start, 16),
		end: Number.parseInt(end, 16),
		flags: [...rights].reduce(
			(sum, right, index) => sum + (right === "-" ? 0 : 4 >> index),
			0,
		),
		kind: kindOf({
			isFile,
			isShared: sharing === "s",
			name: name ?? "",
			flags: fields.get("VmFlags")?.split(" ") ?? [],
		}),
		isFileStart: isFile && /^0+$/.test(offset ?? ""),
		residentBytes:
			1024 *
			["Rss", "Swap"].reduce(
				(sum, key) => sum + Number.parseInt(fields.get(key) ?? "0", 10),
				0,
			),
	};
}

function kindOf(mapping: {
	isFile: boolean;
	isShared: boolean;
	name: string;
	flags: readonly string[];
}): Mapping["kind"] {
	const { isFile, isShared, name, flags } = mapping;
	// dd: madvise(MADV_DONTDUMP), io: device memory. [vsyscall] is a kernel page in every process.
	if (flags.includes("dd") || flags.includes("io") || name === "[vsyscall]")
		return "excluded";
	if (isShared)
		return !isFile || SHARED_MEMORY.test(name) ? "shared memory" : "excluded";
	return isFile ? "file" : "anonymous";
}
