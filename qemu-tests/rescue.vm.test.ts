import test from "ava";
import { rescueTests } from "./system/rescue-tests.ts";

// On NVMe the kernel calls no disk sda, but the documented names must work.
rescueTests(test, {
	name: "rescue",
	diskController: "nvme",
	network: "e1000",
});
