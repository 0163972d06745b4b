import test from "ava";
import { $ } from "zx";
import {
	bootFile,
	builtImage,
	copyOf,
	machineForTest,
	timeLimit,
	withSectorsOf,
} from "./machine/index.ts";
import { logins } from "./system/steps.ts";

const minute = 60_000;
const image = { path: builtImage("img"), format: "raw" } as const;

test.serial("a disk with sectors of 4096 bytes is refused", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const machine = machineForTest(t, {
		name: "large-sectors",
		disks: [withSectorsOf(4096, copyOf(image))],
		diskController: "virtio-scsi",
	});
	// No firmware reads such a disk, so QEMU starts the rescue system directly.
	await machine.boot({ directBoot: await rescueSystem() });
	await machine.console.expect(
		/There is no disk with boot files; \/dev\/sda has sectors of 4096 bytes, .* set them to 512 bytes/,
		{ timeoutMs: 3 * minute },
	);
	await machine.console.login(...logins.root);
	const { exitCode, output } = await machine.console.run(
		"/home/root/install.sh log.txt",
		{ timeoutMs: minute },
	);
	t.not(exitCode, 0);
	t.regex(output, /\/dev\/sda has sectors of 4096 bytes/);
	await machine.cutPower();
	const [disk] = await machine.disks();
	await $({ quiet: true })`cmp ${disk?.path} ${image.path}`;
});

async function rescueSystem() {
	const file = (path: string) => bootFile("x86_64", image, path);
	return {
		kernel: await file("a/linux"),
		initrd: await file("a/ramdisk.ext2.xz"),
		append: "root=/dev/ram0 rw ramdisk_size=100000 console=ttyS0,115200",
	};
}
