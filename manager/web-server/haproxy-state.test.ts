import test from "ava";
import { diffRoutes, parseMap, parseServers } from "./haproxy-state.ts";

const one = { name: "instance-1", path: "/a/b/", socket: "/run/1.sock" };
const two = { name: "instance-2", path: "/a/c/", socket: "/run/2.sock" };

test("HAProxy's output is parsed", (t) => {
	const servers = parseServers(
		`1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight
4 apps 1 instance-1 - 2 0 0 0
4 apps 2 instance-2 - 0 1 0 0
`,
	);
	t.deepEqual(
		[...servers],
		[
			["instance-1", true],
			["instance-2", false],
		],
	);
	t.deepEqual(
		[...parseMap("0x55d8 /a/b/ instance-1\n0x55d9 /a/c/ instance-2")],
		[
			["/a/b/", "instance-1"],
			["/a/c/", "instance-2"],
		],
	);
});

test("missing routes are added and unwanted ones removed", (t) => {
	t.deepEqual(
		diffRoutes(
			[one, two],
			new Map([
				["/a/b/", "instance-3"],
				["/x/y/", "instance-3"],
			]),
			new Map([
				["instance-3", true],
				["instance-2", false],
			]),
		),
		{
			unmap: ["/a/b/", "/x/y/"],
			remove: ["instance-3"],
			add: [one],
			enable: ["instance-1", "instance-2"],
			map: [one, two],
		},
	);
	const nothing = { unmap: [], remove: [], add: [], enable: [], map: [] };
	t.deepEqual(
		diffRoutes(
			[one],
			new Map([["/a/b/", "instance-1"]]),
			new Map([["instance-1", true]]),
		),
		nothing,
	);
});
