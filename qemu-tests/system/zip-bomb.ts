import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { $ } from "zx";
import { findSigner, sign } from "../../stages/signing.ts";
import { builtUpdate } from "../machine/index.ts";

const quiet = $({ quiet: true });
/** Larger than sda3. */
const bombBytes = 4 * 1024 ** 3;

/**
 * Returns an update whose system unpacks to more than sda3 can hold, signed with this host's development key like all
 * tested updates. With `isLying`, its archive claims to unpack to 1 MiB.
 */
export async function zipBombUpdate(
	directory: string,
	{ isLying = false } = {},
): Promise<string> {
	const path = join(directory, "bomb.img");
	const slot = join(directory, "bomb");
	await quiet`mkdir -p ${slot}`;
	await quiet`tar -xf ${builtUpdate("next")} -C ${slot}`;
	await quiet`truncate -s ${bombBytes} ${join(directory, "zeros")} &&
		tar -C ${directory} -c zeros | xz -0 -T1 > ${join(slot, "rootfs.tar.xz")}`;
	const archive = join(slot, "rootfs.tar.xz");
	const content = await readFile(archive);
	const packed = isLying ? withIndexedSize(content, 1024 ** 2) : content;
	await writeFile(archive, packed);

	const sums = join(slot, "SHA256SUMS");
	const sum = createHash("sha256").update(packed).digest("hex");
	const lines = (await readFile(sums, "utf8")).replace(
		/^\w+ {2}rootfs\.tar\.xz$/m,
		`${sum}  rootfs.tar.xz`,
	);
	await writeFile(sums, lines);
	await quiet`rm -f ${sums}.minisig`;
	await sign(await findSigner(undefined), sums, "zip bomb");
	const head = ["SHA256SUMS.minisig", "SHA256SUMS", "release"];
	const members = (await quiet`tar -tf ${builtUpdate("next")}`).stdout.trim();
	const rest = members.split("\n").filter((name) => !head.includes(name));
	await quiet`tar --format=ustar -C ${slot} -cf ${path} ${[...head, ...rest]}`;
	return path;
}

const footerBytes = 12;

/** Replaces the size in the index of an archive with one block (.xz format, sections 2.1.2 and 4). */
function withIndexedSize(archive: Buffer, unpackedBytes: number): Buffer {
	const footer = Buffer.from(archive.subarray(-footerBytes));
	const indexBytes = (footer.readUInt32LE(4) + 1) * 4;
	const indexStart = archive.length - footerBytes - indexBytes;
	const index = archive.subarray(indexStart, -footerBytes);
	if (index[0] !== 0 || index[1] !== 1)
		throw new Error("The archive has more than one block");
	let end = 2;
	while ((index[end++] as number) & 0x80);
	const start = index.subarray(0, end);
	const unpadded = Buffer.concat([start, variableLength(unpackedBytes)]);
	const padding = Buffer.alloc((4 - (unpadded.length % 4)) % 4);
	const fields = Buffer.concat([unpadded, padding]);
	footer.writeUInt32LE((fields.length + 4) / 4 - 1, 4);
	footer.writeUInt32LE(crc32(footer.subarray(4, 10)), 0);
	return Buffer.concat([
		archive.subarray(0, indexStart),
		fields,
		littleEndian(crc32(fields)),
		footer,
	]);
}

/** Seven bits per byte, lowest first; the highest bit marks continuation. */
function variableLength(value: number): Buffer {
	const bytes: number[] = [];
	for (let rest = value; ; rest = Math.floor(rest / 128)) {
		if (rest < 128) return Buffer.from([...bytes, rest]);
		bytes.push((rest % 128) | 0x80);
	}
}

function littleEndian(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32LE(value);
	return bytes;
}
