/**
 * Stands in the bundle for `node-forge`, on which acme-client's deprecated second set of
 * functions is built. The manager uses the first; with the library, the bundle would be a tenth larger.
 */
function unused(): never {
	throw new Error("The manager makes its keys without node-forge");
}

export const pki = { rsa: { generateKeyPair: unused } };
