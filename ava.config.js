// Tests say in their name what they need: x.test.ts nothing, x.integration.test.ts a
// PostgreSQL on this machine, x.vm.test.ts the built images and QEMU, x.long.test.ts the same and more time.

/** Emulated gateways take longest: started first, they leave no machine to run alone at the end. */
const isGateway = (file) => /gateway-\w+\.vm\.test\.ts$/.test(file);

export default {
	extensions: { ts: "module" },
	nodeArguments: ["--import=tsx"],
	files: ["**/*.test.ts"],
	sortTestFiles: (one, other) =>
		isGateway(other) - isGateway(one) || (one < other ? -1 : 1),
	timeout: "30m",
	workerThreads: false,
};
