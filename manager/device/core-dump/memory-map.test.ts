import test from "ava";
import { parseMappings } from "./memory-map.ts";

const smaps = `00400000-00b6f000 r--p 00000000 fe:00 260689     /usr/bin/node
Size:               7612 kB
Rss:                5944 kB
Swap:                  0 kB
VmFlags: rd mr mw me 
00b72000-025fe000 r-xp 00772000 fe:00 260689     /usr/bin/node
Rss:               20216 kB
VmFlags: rd ex mr mw me 
7fc809210000-7fca091f0000 ---p 00000000 00:00 0 
Rss:                   0 kB
Swap:                  0 kB
VmFlags: mr mw me dc nr 
7f4752b7d000-7f475337d000 rw-p 00000000 00:00 0 
Rss:                   8 kB
Swap:                  4 kB
VmFlags: rd wr mr mw me ac nh 
7f0000000000-7f0008000000 rw-s 00000000 00:01 1034      /dev/zero (deleted)
Rss:                1024 kB
VmFlags: rd wr sh mr mw me ms 
7f1000000000-7f1008000000 rw-s 00000000 fe:00 1035      /mnt/sda2/a file
Rss:                1024 kB
VmFlags: rd wr sh mr mw me ms 
7f2000000000-7f2000001000 rw-p 00000000 00:00 0 
Rss:                   4 kB
VmFlags: rd wr mr mw me dd 
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]
Rss:                   0 kB
VmFlags: ex 
`;

test("parses the permissions, the kind and the bytes in use of mappings", (t) => {
	t.deepEqual(
		parseMappings(smaps).map(({ kind, flags, isFileStart, residentBytes }) => [
			kind,
			flags,
			isFileStart,
			residentBytes / 1024,
		]),
		[
			["file", 4, true, 5944],
			["file", 5, false, 20216],
			["anonymous", 0, false, 0],
			["anonymous", 6, false, 12],
			["shared memory", 6, true, 1024],
			["excluded", 6, true, 1024],
			["excluded", 6, false, 4],
			["excluded", 1, false, 0],
		],
	);
	t.is(parseMappings(smaps)[2]?.start, 0x7fc809210000);
});
