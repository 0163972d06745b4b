// Tests say in their name what they need: x.test.ts nothing, x.integration.test.ts a
// PostgreSQL on this machine, x.vm.test.ts the built images and QEMU.
export default {
	extensions: { ts: "module" },
	nodeArguments: ["--import=tsx"],
	files: ["**/*.test.ts"],
	timeout: "30m",
	workerThreads: false,
};
