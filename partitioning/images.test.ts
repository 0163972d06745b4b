import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, readFileSync } from "node:fs";
import { copyFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import test from "ava";
import { SaxesParser } from "saxes";
import { extract } from "tar-stream";
import { Provision } from "../manager/device/provisioning/provision.ts";
import { readWords } from "../manager/device/provisioning/words.ts";
import { hashOfFile } from "../pipeline/hash.ts";
import { bootMenus } from "./boot-menu.ts";
import { makeBootPartition } from "./boot-partition.ts";
import { hashOfSparseFile } from "./checksums.ts";
import { makeDiskImage } from "./disk-image.ts";
import { efiLoaders } from "./efi.ts";
import { grubConfig, makeGrub } from "./grub.ts";
import {
	type DiskLayout,
	MIB,
	partitionExtents,
	SECTOR_BYTES,
	vmLayout,
} from "./layout.ts";
import { makeOva } from "./ova.ts";
import { ovfDescriptor } from "./ovf.ts";
import { toolsIn } from "./tools.ts";
import { makeQcow2, makeVhdx, makeVmdk } from "./vm-disks.ts";

const epochSeconds = 1_767_225_600;
const seed = "app-platform x86_64 1.0.0 130001";
const signature = "1234abcd";
/** A small version of the virtual machine layout. */
const layout = {
	...vmLayout,
	imageBytes: 64 * MIB,
	boot: { ...vmLayout.boot, sizeBytes: 16 * MIB },
} satisfies DiskLayout;

const directory = mkdtempSync(join(tmpdir(), "app-platform-images-"));
let first: Record<string, string>;
const path = (name: string) => first[name] as string;
test.before(async () => {
	first = await makeAll("first");
});
test.after.always(() => rm(directory, { recursive: true, force: true }));
const tool = toolsIn({ cwd: directory });

const template = readFileSync(
	join(import.meta.dirname, "../board/grub.cfg"),
	"utf8",
);

/** Makes the raw disk and all other formats from it; returns their paths by name. */
async function makeAll(name: string): Promise<Record<string, string>> {
	const at = (file: string) => join(directory, name, file);
	const config = grubConfig(template, signature);
	const kernel = join(directory, "linux");
	await writeFile(kernel, Buffer.alloc(3 * MIB, "kernel"));
	await writeFile(join(directory, "grub.cfg"), config);
	const bootPartition = at("boot.ext2");
	await makeBootPartition({
		partition: layout.boot,
		files: {
			"a/linux": kernel,
			"boot/grub/grub.cfg": join(directory, "grub.cfg"),
		},
		epochSeconds,
		seed,
		outputPath: bootPartition,
	});
	const grub = await makeGrub({
		config,
		epochSeconds,
		outputDirectory: at("grub"),
	});
	const img = at("disk.img");
	await makeDiskImage({
		layout,
		diskSignature: signature,
		bootPartition,
		grub,
		outputPath: img,
	});
	const disk = { rawImage: img, seed };
	await makeQcow2({ ...disk, outputPath: at("disk.qcow2") });
	await makeVhdx({ ...disk, outputPath: at("disk.vhdx") });
	await makeVmdk({ ...disk, outputPath: at("disk.vmdk") });
	await makeOva({
		vmdk: at("disk.vmdk"),
		diskBytes: layout.imageBytes,
		version: "1.0 <&>",
		build: 130001,
		epochSeconds,
		outputPath: at("disk.ova"),
	});
	return {
		bootPartition,
		img,
		qcow2: at("disk.qcow2"),
		vhdx: at("disk.vhdx"),
		vmdk: at("disk.vmdk"),
		ova: at("disk.ova"),
	};
}

test("the same inputs give the same bytes in every format", async (t) => {
	const second = await makeAll("second");
	for (const [name, file] of Object.entries(first))
		t.is(
			await hashOfFile(second[name] as string),
			await hashOfFile(file),
			name,
		);
});

test("the boot partition is a clean ext2 with the label and the files", async (t) => {
	await tool`e2fsck -f -n ${path("bootPartition")}`;
	const superblock = await tool`dumpe2fs -h ${path("bootPartition")}`;
	t.regex(superblock, /Filesystem volume name: +boot\n/);
	const listing = await tool`debugfs -R ${"ls -p /a"} ${path("bootPartition")}`;
	t.regex(listing, new RegExp(`/linux/${3 * MIB}/`));
});

test("only firmware finds the FAT volume with its boot loaders in the boot partition", async (t) => {
	const file = path("bootPartition");
	t.is((await tool`blkid -p -s TYPE -o value ${file}`).trim(), "ext2");
	t.is((await tool`blkid -p -s LABEL -o value ${file}`).trim(), "boot");
	await t.throwsAsync(tool`mdir -i ${file} ::/`);
	// The file system that firmware sees, without the checks of other programs.
	await tool`fsck.vfat -n ${file}`;
	for (const [name, original] of Object.entries(efiLoaders)) {
		const copy = join(directory, "loader.efi");
		await tool`MTOOLS_SKIP_CHECK=1 mcopy -n -o -i ${file} ${`::/${name}`} ${copy}`;
		t.is(await hashOfFile(copy), await hashOfFile(original), name);
	}
});

test("a repair leaves the EFI area alone, and a full ext2 does not use it", async (t) => {
	const copy = join(directory, "repaired.ext2");
	const filler = join(directory, "filler");
	await copyFile(path("bootPartition"), copy);
	await writeFile(filler, Buffer.alloc(16 * MIB, "filler"));
	// debugfs writes until the file system is full.
	await tool`debugfs -w -R ${`write ${filler} filler`} ${copy} || true`;
	await tool`debugfs -w -R ${"set_super_value state 0"} ${copy}`;
	await tool`e2fsck -f -y ${copy} || [ $? = 1 ]`;
	const free = await tool`dumpe2fs -h ${copy}`;
	t.regex(free, /Free blocks: +\d\n/);
	const { startBytes, sizeBytes } = layout.boot.efiArea;
	const range = ["--ignore-initial", startBytes, "--bytes", sizeBytes];
	await tool`cmp ${range.map(String)} ${copy} ${path("bootPartition")}`;
	await tool`cmp --bytes ${SECTOR_BYTES} ${copy} ${path("bootPartition")}`;
	t.pass();
});

test("the MBR has the signature and only the boot partition", async (t) => {
	const table = JSON.parse(await tool`sfdisk --json ${path("img")}`);
	const { id, partitions } = table.partitiontable;
	t.is(id, `0x${signature}`);
	t.like(partitions, [
		{ start: 2048, size: (16 * MIB) / 512, type: "ef", bootable: true },
	]);
	t.is(partitions.length, 1);
	t.is((await stat(path("img"))).size, layout.imageBytes);
});

test("every other format contains the same disk", async (t) => {
	for (const format of ["qcow2", "vhdx", "vmdk"]) {
		await tool`qemu-img compare -f raw -F ${format} ${path("img")} ${path(format)}`;
		const info = JSON.parse(
			await tool`qemu-img info --output=json ${path(format)}`,
		);
		t.is(info["virtual-size"], layout.imageBytes, format);
	}
	await tool`qemu-img check ${path("vhdx")}`;
	await tool`qemu-img check ${path("qcow2")}`;
});

test("the VMDK ends with one end-of-stream marker", async (t) => {
	const content = readFileSync(path("vmdk"));
	const isZero = (sector: Buffer) => sector.equals(Buffer.alloc(SECTOR_BYTES));
	t.true(isZero(content.subarray(-SECTOR_BYTES)));
	t.false(isZero(content.subarray(-2 * SECTOR_BYTES, -SECTOR_BYTES)));
	t.is(content.length % SECTOR_BYTES, 0);
});

test("the OVA's manifest has the checksums of its descriptor and disk", async (t) => {
	const entries = new Map<string, Buffer>();
	const archive = createReadStream(path("ova")).pipe(extract());
	for await (const entry of archive)
		entries.set(entry.header.name, await buffer(entry));
	t.deepEqual(
		[...entries.keys()],
		["app-platform.ovf", "app-platform.mf", "app-platform-disk1.vmdk"],
	);
	const sums = [
		...String(entries.get("app-platform.mf")).matchAll(
			/SHA256\((.+)\)= (\w+)\n/g,
		),
	];
	t.is(sums.length, 2);
	for (const [, name, sum] of sums) {
		const content = entries.get(name as string) as Buffer;
		t.is(createHash("sha256").update(content).digest("hex"), sum as string);
	}
	t.regex(
		String(entries.get("app-platform.ovf")),
		/<Version>1\.0 &lt;&amp;&gt;</,
	);
});

test("the OVF asks for what the system's provisioning knows, and for nothing else", (t) => {
	const descriptor = ovfDescriptor({
		...{ diskName: "disk.vmdk", diskBytes: 1, vmdkBytes: 1 },
		...{ version: "1.0", build: 1 },
	});
	const properties = propertiesOf(descriptor);
	t.deepEqual(
		properties.filter(({ password }) => password === "true"),
		properties.filter(({ key }) => key === "password"),
	);
	for (const { type, userConfigurable } of properties)
		t.deepEqual([type, userConfigurable], ["string", "true"]);
	const provision = new Provision("test");
	readWords(
		properties.map(({ key = "" }) => [
			key,
			key.startsWith("addr") ? "192.0.2.10" : "x",
		]),
		provision,
	);
	t.notRegex(provision.lines.join("\n"), /is not known/);
	t.regex(
		descriptor,
		/<VirtualHardwareSection ovf:transport="com\.vmware\.guestInfo">/,
	);
});

/** Parses the descriptor; an error if it is not well-formed or a prefix is not declared. */
function propertiesOf(descriptor: string): Record<string, string>[] {
	const ovf = "http://schemas.dmtf.org/ovf/envelope/1";
	const parser = new SaxesParser({ xmlns: true });
	const properties: Record<string, string>[] = [];
	parser.on("error", (error) => {
		throw error;
	});
	parser.on("opentag", ({ uri, local, attributes }) => {
		if (uri !== ovf || local !== "Property") return;
		const own = Object.values(attributes).filter((one) => one.uri === ovf);
		properties.push(
			Object.fromEntries(own.map((one) => [one.local, one.value])),
		);
	});
	parser.write(descriptor).close();
	return properties;
}

test("the hash of a sparse file counts holes as zeros", async (t) => {
	t.is(await hashOfSparseFile(path("img")), await hashOfFile(path("img")));
});

test("grub.cfg has the boot state in the first sector and starts with entry 0", (t) => {
	const config = grubConfig(template, signature);
	t.is(config.indexOf("\n\n"), 511);
	t.is(config[bootMenus.grub.beforeDefault.length], "0");
	t.true(
		config.startsWith(`set default=0\nset slot=a\nset disk=${signature}\n`),
	);
	t.throws(() => grubConfig("set slot=a\n\n", signature));
});

test("the data partition fills a larger disk; a disk that is too small is refused", (t) => {
	const sizeOnDisk = (gigabytes: number) =>
		partitionExtents(vmLayout, gigabytes * 1024 * MIB).find(
			({ number }) => number === 2,
		)?.sizeBytes as number;
	t.is(sizeOnDisk(40) - sizeOnDisk(16), 24 * 1024 * MIB);
	t.throws(() => partitionExtents(vmLayout, 1024 * MIB));
});
