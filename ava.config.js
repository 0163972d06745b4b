// The name of a test file says what it needs: x.test.ts nothing, x.integration.test.ts PostgreSQL on this machine,
// x.container.test.ts the x86_64 image and root, x.vm.test.ts the built images and QEMU, x.long.test.ts the same and
// more time.

/** The slowest tests run first, so that no single machine is left running at the end. */
const isLong = (file) => /(gateway-\w+|update)\.vm\.test\.ts$/.test(file);

export default {
	extensions: { ts: "module" },
	nodeArguments: ["--import=tsx"],
	files: ["**/*.test.ts"],
	sortTestFiles: (one, other) =>
		isLong(other) - isLong(one) || (one < other ? -1 : 1),
	timeout: "30m",
	workerThreads: false,
};
