import { mkdtempSync } from "node:fs";
import { appendFile, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { hashOfFile } from "../pipeline/hash.ts";
import { bootMenu, bootMenus, extlinuxConfig } from "./boot-menu.ts";
import { makeBootPartition } from "./boot-partition.ts";
import { makeDiskImage } from "./disk-image.ts";
import { ALIGNMENT_BYTES, gatewayLayout, MIB } from "./layout.ts";
import { toolsIn } from "./tools.ts";

const signature = "1234abcd";
const template = join(import.meta.dirname, "../board/extlinux.conf");
const directory = mkdtempSync(join(tmpdir(), "app-platform-gateway-"));
test.after.always(() => rm(directory, { recursive: true, force: true }));
const tool = toolsIn({ cwd: directory });

/** Makes a gateway's image with a kernel of 3 MB; returns its path. */
async function makeImage(name: string): Promise<string> {
	const at = (file: string) => join(directory, `${name}-${file}`);
	await writeFile(at("linux"), Buffer.alloc(3 * MIB, "kernel"));
	await writeFile(at("menu"), await bootMenu("u-boot", template, signature));
	await makeBootPartition({
		partition: gatewayLayout.boot,
		files: { linux: at("linux"), [bootMenus["u-boot"].path]: at("menu") },
		epochSeconds: 1_767_225_600,
		seed: "app-platform arm64 1.0.0 130001",
		outputPath: at("boot.img"),
	});
	await makeDiskImage({
		layout: gatewayLayout,
		diskSignature: signature,
		bootPartition: at("boot.img"),
		outputPath: at("disk.img"),
	});
	return at("disk.img");
}

test("the image is as small as its content and reproducible", async (t) => {
	const image = await makeImage("first");
	t.true((await stat(image)).size <= 8 * MIB);
	t.is(await hashOfFile(await makeImage("second")), await hashOfFile(image));
});

test("on a disk with old content, the 200 MB FAT32 is clean and contains the files", async (t) => {
	const image = await makeImage("third");
	const { size } = await stat(image);
	const partition = gatewayLayout.boot.sizeBytes ?? 0;
	await appendFile(
		image,
		Buffer.alloc(ALIGNMENT_BYTES + partition - size, "old content"),
	);
	const table = JSON.parse(await tool`sfdisk --json ${image}`).partitiontable;
	t.is(table.id, `0x${signature}`);
	t.like(table.partitions, [
		{ start: 2048, size: partition / 512, type: "c", bootable: true },
	]);
	await tool`tail --bytes ${partition} ${image} > partition.img`;
	await tool`fsck.vfat -n partition.img`;
	t.regex(await tool`mdir -i partition.img ::`, /Volume in drive : is BOOT/);
	await tool`mcopy -i partition.img ::linux ::extlinux/extlinux.conf .`;
	t.is((await stat(join(directory, "linux"))).size, 3 * MIB);
	t.is(
		await readFile(join(directory, "extlinux.conf"), "utf8"),
		await bootMenu("u-boot", template, signature),
	);
});

test("the entries' names are equally long, and a menu larger than a sector is refused", (t) => {
	for (const { rescue, system } of Object.values(bootMenus))
		t.is(rescue.length, system.length);
	t.throws(
		() =>
			extlinuxConfig(
				`default rescue\n# update: none\n${"#".repeat(470)}`,
				signature,
			),
		{ message: /sector/ },
	);
	t.throws(() => extlinuxConfig("label rescue\n", signature));
});
