// Tests say in their name what they need: x.test.ts nothing, x.integration.test.ts a
// PostgreSQL on this machine, x.container.test.ts the x86_64 image and root, x.vm.test.ts the built images and
// QEMU, x.long.test.ts these and more time.

/** What takes longest: started first, it leaves no machine to run alone at the end. */
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
