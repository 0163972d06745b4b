import { execFile } from "node:child_process";
import { chown, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const newKey =
	"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(
		" ",
	);

/** A certificate and its key, as files owned by the directory's owner. */
export interface TestCertificate {
	certificate: string;
	key: string;
	pem: string;
}

/** @param signer signs the certificate; without it, the certificate is that of an authority. */
export async function makeCertificate(
	directory: string,
	name: string,
	signer?: { by: TestCertificate; subjectAltName: string },
): Promise<TestCertificate> {
	const certificate = join(directory, `${name}.pem`);
	const key = join(directory, `${name}.key`);
	await run("openssl", [
		...newKey,
		...["-subj", `/CN=${name}`, "-keyout", key, "-out", certificate],
		...(signer
			? [
					...["-CA", signer.by.certificate, "-CAkey", signer.by.key],
					...["-addext", `subjectAltName=${signer.subjectAltName}`],
					...["-addext", "basicConstraints=critical,CA:FALSE"],
				]
			: []),
	]);
	const { uid, gid } = await stat(directory);
	for (const file of [certificate, key]) await chown(file, uid, gid);
	return { certificate, key, pem: await readFile(certificate, "utf8") };
}
