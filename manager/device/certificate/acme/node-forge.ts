/**
 * Replaces `node-forge` in the bundle. Only acme-client's deprecated functions use it, which the
 * manager does not call. The library would make the bundle a tenth larger.
 */
function unused(): never {
	throw new Error("node-forge is not part of the manager's bundle");
}

export const pki = { rsa: { generateKeyPair: unused } };
