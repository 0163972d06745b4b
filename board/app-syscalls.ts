import type { Target } from "./target.ts";

// The seccomp filter of apps, as `setpriv --seccomp-filter` loads it: an array of classic BPF instructions
// (linux/filter.h) on the call's number and arguments (struct seccomp_data).

/** Numbers of system calls, as in the kernel's tables. Not every target has all. */
interface Numbers {
	/** AUDIT_ARCH_… of linux/audit.h. */
	architecture: number;
	clone: number;
	socket: number;
	/** Calls for administrators, and those through which most programs without rights attacked the kernel. */
	refused: readonly number[];
}

/** The same on all targets. */
const clone3 = 435;
const ioUring = [425, 426, 427]; // setup, enter, register
const newMountCalls = [428, 429, 430, 431, 432, 433, 442]; // open_tree … fspick, mount_setattr
const quotactlFd = 443;

/*
 * In each row: unshare setns, mount umount2 pivot_root, bpf perf_event_open userfaultfd, keyctl add_key request_key,
 * open_by_handle_at, kexec_load kexec_file_load, init_module finit_module delete_module, reboot swapon swapoff
 * quotactl acct, settimeofday clock_settime clock_adjtime; then what only this target has.
 */
const numbers: Readonly<Record<string, Numbers>> = {
	x86_64: {
		architecture: 0xc000003e,
		clone: 56,
		socket: 41,
		refused: [
			...[272, 308, 165, 166, 155, 321, 298, 323, 250, 248, 249, 304],
			...[246, 320, 175, 313, 176, 169, 167, 168, 179, 163, 164, 227, 305],
			...[172, 173], // iopl ioperm
		],
	},
	arm64: {
		architecture: 0xc00000b7,
		clone: 220,
		socket: 198,
		refused: [
			...[97, 268, 40, 39, 41, 280, 241, 282, 219, 217, 218, 265],
			...[104, 294, 105, 273, 106, 142, 224, 225, 60, 89, 170, 112, 266],
		],
	},
	arm: {
		architecture: 0x40000028,
		clone: 120,
		socket: 281,
		refused: [
			...[337, 375, 21, 52, 218, 386, 364, 388, 311, 309, 310, 371],
			...[347, 401, 128, 379, 129, 88, 87, 115, 131, 51, 79, 262, 372],
			...[404, 405], // clock_settime64 clock_adjtime64
		],
	},
};

const errors = { EPERM: 1, ENOSYS: 38, EAFNOSUPPORT: 97 } as const;

/** CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID and -NET. */
const newNamespaces = 0x7e020000;

/** AF_UNIX, AF_INET, AF_INET6, and AF_NETLINK, by which programs list the network interfaces. */
const socketFamilies = [1, 2, 10, 16];

/** Offsets in struct seccomp_data; the lower half of an argument comes first on all targets. */
const field = { number: 0, architecture: 4, firstArgument: 16 } as const;

type Instruction = readonly [
	code: number,
	ifTrue: number,
	ifFalse: number,
	value: number,
];

const load = (offset: number): Instruction => [0x20, 0, 0, offset];
/** Skips as many instructions. */
const ifEqual = (
	value: number,
	ifTrue: number,
	ifFalse: number,
): Instruction => [0x15, ifTrue, ifFalse, value];
const ifAnyBit = (
	mask: number,
	ifTrue: number,
	ifFalse: number,
): Instruction => [0x45, ifTrue, ifFalse, mask];
const ret = (value: number): Instruction => [0x06, 0, 0, value];
const allow = ret(0x7fff0000);
const kill = ret(0x80000000);
const fail = (error: keyof typeof errors) => ret(0x00050000 | errors[error]);

/**
 * Returns the filter of a target: no namespaces, mounts, io_uring, BPF, perf events, key rings and userfaultfd, no
 * calls for administrators, and only the usual kinds of sockets. Everything else is allowed, so that apps in any
 * language run.
 */
export function appSyscallFilter({ name }: Pick<Target, "name">): Buffer {
	const target = numbers[name];
	if (!target) throw new Error(`No system calls are known for ${name}`);
	const { architecture, clone, socket, refused } = target;
	const refuse = (number: number, error: keyof typeof errors) => [
		ifEqual(number, 0, 1),
		fail(error),
	];
	return assemble([
		load(field.architecture),
		ifEqual(architecture, 1, 0),
		kill,
		load(field.number),
		ifEqual(clone, 0, 4),
		load(field.firstArgument),
		ifAnyBit(newNamespaces, 0, 1),
		fail("EPERM"),
		allow,
		ifEqual(socket, 0, socketFamilies.length + 3),
		load(field.firstArgument),
		...socketFamilies.map((family, index) =>
			ifEqual(family, socketFamilies.length - index, 0),
		),
		fail("EAFNOSUPPORT"),
		allow,
		// The C library then uses clone, whose flags a filter can see, and libuv does without io_uring.
		...[clone3, ...ioUring].flatMap((number) => refuse(number, "ENOSYS")),
		...[...refused, ...newMountCalls, quotactlFd].flatMap((number) =>
			refuse(number, "EPERM"),
		),
		allow,
	]);
}

/** All targets are little-endian. */
function assemble(program: readonly Instruction[]): Buffer {
	const bytes = Buffer.alloc(8 * program.length);
	for (const [index, [code, ifTrue, ifFalse, value]] of program.entries()) {
		bytes.writeUInt16LE(code, 8 * index);
		bytes.writeUInt8(ifTrue, 8 * index + 2);
		bytes.writeUInt8(ifFalse, 8 * index + 3);
		bytes.writeUInt32LE(value >>> 0, 8 * index + 4);
	}
	return bytes;
}
