import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

const iterations = 4096;

/**
 * Computes the verifier that PostgreSQL stores for a password, so that the password itself is
 * in no statement and thus in no log (RFC 5803 and 7677, SCRAM-SHA-256).
 */
export function scramVerifier(
	password: string,
	salt: Buffer = randomBytes(16),
): string {
	// Clients use SASLprep, which differs from NFKC only in a few characters that nobody types.
	const prepared = password.normalize("NFKC");
	const salted = pbkdf2Sync(prepared, salt, iterations, 32, "sha256");
	const clientKey = createHmac("sha256", salted).update("Client Key").digest();
	const storedKey = createHash("sha256").update(clientKey).digest("base64");
	const serverKey = createHmac("sha256", salted)
		.update("Server Key")
		.digest("base64");
	return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
