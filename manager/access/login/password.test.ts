import test from "ava";
import { hashPassword, passwordHash, verifyPassword } from "./password.ts";

test("the correct password verifies, a wrong one does not", async (t) => {
	const stored = await hashPassword("correct horse");
	t.true(await verifyPassword("correct horse", stored));
	t.false(await verifyPassword("correct horsf", stored));
	t.false(await verifyPassword("", stored));
});

test("the same password never gives the same hash", async (t) => {
	const first = await hashPassword("same");
	const second = await hashPassword("same");
	t.not(first.hash, second.hash);
	t.not(first.salt, second.salt);
});

test("a hash with other parameters still verifies", async (t) => {
	// RFC 7914, section 12: P="password", S="NaCl", N=1024, r=8, p=16, 64 bytes
	const stored = {
		algorithm: "scrypt" as const,
		cost: 1024,
		blockSize: 8,
		parallelization: 16,
		salt: Buffer.from("NaCl").toString("base64"),
		hash: Buffer.from(
			"fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162" +
				"2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
			"hex",
		).toString("base64"),
	};
	t.true(await verifyPassword("password", stored));
	t.false(await verifyPassword("passwort", stored));
});

test("composed and decomposed characters are the same password", async (t) => {
	const stored = await hashPassword("M\u00fcller");
	t.true(await verifyPassword("Mu\u0308ller", stored));
});

test("crypt's hashes verify, too", async (t) => {
	// As glibc's crypt prints them.
	const hashes = [
		"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
		"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
	];
	for (const hash of hashes) {
		const stored = passwordHash.parse({ algorithm: "crypt", hash });
		t.true(await verifyPassword("Hello world!", stored), hash);
		t.false(await verifyPassword("Hello world", stored));
		t.false(await verifyPassword("Hello world!\nx", stored));
		t.false(await verifyPassword("", stored));
	}
	const rounds = {
		algorithm: "crypt" as const,
		hash: "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
	};
	t.true(await verifyPassword("Hello world!", rounds));
});
