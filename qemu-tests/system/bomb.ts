import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { $ } from "zx";
import { findSigner, sign } from "../../stages/signing.ts";
import { builtUpdate } from "../machine/index.ts";

const quiet = $({ quiet: true });
/** More than sda3 has. */
const bombBytes = 4 * 1024 ** 3;

/**
 * An update that is signed by this machine's development key, as all that it tests are, whose
 * system unpacks to more than there is room for. A lying one says that it unpacks to 1 MiB.
 */
export async function bombUpdate(
	directory: string,
	{ isLying = false } = {},
): Promise<string> {
	const path = join(directory, "bomb.img");
	const set = join(directory, "bomb");
	await quiet`mkdir -p ${set}`;
	await quiet`tar -xf ${builtUpdate("next")} -C ${set}`;
	await quiet`truncate -s ${bombBytes} ${join(directory, "zeros")} &&
		tar -C ${directory} -c zeros | xz -0 -T1 > ${join(set, "rootfs.tar.xz")}`;
	const archive = join(set, "rootfs.tar.xz");
	const content = await readFile(archive);
	const packed = isLying ? withIndexSaying(content, 1024 ** 2) : content;
	await writeFile(archive, packed);

	const sums = join(set, "SHA256SUMS");
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
	await quiet`tar --format=ustar -C ${set} -cf ${path} ${[...head, ...rest]}`;
	return path;
}

const footerBytes = 12;

/** The index of an archive of one block, with another size in it (.xz format, sections 2.1.2 and 4). */
function withIndexSaying(archive: Buffer, unpackedBytes: number): Buffer {
	const footer = Buffer.from(archive.subarray(-footerBytes));
	const indexBytes = (footer.readUInt32LE(4) + 1) * 4;
	const indexStart = archive.length - footerBytes - indexBytes;
	const index = archive.subarray(indexStart, -footerBytes);
	if (index[0] !== 0 || index[1] !== 1)
		throw new Error("The archive is not of one block");
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

/** Seven bits a byte, the lowest first, the highest bit for "goes on". */
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
