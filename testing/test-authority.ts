import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** How a test certificate differs from the default. */
export interface CertificateOptions {
	/** For `openssl req -newkey`; P-256 by default. */
	newKey?: string[];
	/** Lines of openssl's extension file. */
	extensions?: string[];
	/** Validity from now; 100 by default. */
	days?: number;
	/** Other options of openssl, such as `-not_before`. */
	otherOptions?: string[];
}

/** A certificate and its private key, created by openssl, which can issue other certificates. */
export class TestAuthority {
	readonly certificate: string;
	readonly key: string;
	readonly #directory: string;
	/** Name of its files: other certificates may have the same subject. */
	readonly #id: string;

	private constructor(
		directory: string,
		id: string,
		certificate: string,
		key: string,
	) {
		this.#directory = directory;
		this.#id = id;
		this.certificate = certificate;
		this.key = key;
	}

	/** Creates a self-signed authority in a directory that is deleted when the process exits. */
	static async create(
		name: string,
		options: CertificateOptions = {},
	): Promise<TestAuthority> {
		const directory = await mkdtemp(join(tmpdir(), "app-platform-authority-"));
		process.once("exit", () => rmSync(directory, { recursive: true }));
		return TestAuthority.#make(directory, name, undefined, {
			extensions: ["basicConstraints=critical,CA:TRUE"],
			...options,
		});
	}

	/** Issues the certificate of an intermediate authority. */
	intermediate(
		name: string,
		options: CertificateOptions = {},
	): Promise<TestAuthority> {
		return TestAuthority.#make(this.#directory, name, this.#id, {
			extensions: ["basicConstraints=critical,CA:TRUE"],
			...options,
		});
	}

	/** Issues the certificate of a server. */
	server(
		name: string,
		options: CertificateOptions = {},
	): Promise<TestAuthority> {
		return TestAuthority.#make(this.#directory, name, this.#id, {
			extensions: [`subjectAltName=DNS:${name}`, "basicConstraints=CA:FALSE"],
			...options,
		});
	}

	static async #make(
		directory: string,
		name: string,
		issuer: string | undefined,
		{
			newKey = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
			extensions = [],
			days = 100,
			otherOptions = [],
		}: CertificateOptions,
	): Promise<TestAuthority> {
		const id = process.hrtime.bigint().toString(16);
		const file = (end: string, of = id) => join(directory, `${of}.${end}`);
		await writeFile(file("ext"), `${extensions.join("\n")}\n`);
		await run("openssl", [
			...["req", "-new", "-nodes", "-subj", `/O=Test/CN=${name}`, "-newkey"],
			...[...newKey, "-keyout", file("key"), "-out", file("csr")],
		]);
		const signer = issuer
			? ["-CA", file("pem", issuer), "-CAkey", file("key", issuer)]
			: ["-signkey", file("key")];
		await run("openssl", [
			...["x509", "-req", "-in", file("csr"), ...signer, "-days", `${days}`],
			...["-set_serial", `0x${id}`],
			...["-extfile", file("ext"), "-out", file("pem"), ...otherOptions],
		]);
		return new TestAuthority(
			directory,
			id,
			await readFile(file("pem"), "utf8"),
			await readFile(file("key"), "utf8"),
		);
	}
}
