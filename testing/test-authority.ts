import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** How a test certificate differs from a good one. */
export interface CertificateOptions {
	/** Of `openssl req -newkey`; P-256 unless told. */
	newKey?: string[];
	/** Of openssl's extension file. */
	extensions?: string[];
	/** From now; 100 unless told. */
	days?: number;
	/** `-not_before` and the like. */
	more?: string[];
}

/** A certificate, its private key, and the way to issue others, made by openssl. */
export class TestAuthority {
	readonly certificate: string;
	readonly key: string;
	readonly #folder: string;
	/** Of its files: other certificates may have the same name. */
	readonly #id: string;

	private constructor(
		folder: string,
		id: string,
		certificate: string,
		key: string,
	) {
		this.#folder = folder;
		this.#id = id;
		this.certificate = certificate;
		this.key = key;
	}

	/** One that has issued its own certificate, in a folder that is gone with the process. */
	static async create(
		name: string,
		options: CertificateOptions = {},
	): Promise<TestAuthority> {
		const folder = await mkdtemp(join(tmpdir(), "app-platform-authority-"));
		process.once("exit", () => rmSync(folder, { recursive: true }));
		return TestAuthority.#make(folder, name, undefined, {
			extensions: ["basicConstraints=critical,CA:TRUE"],
			...options,
		});
	}

	/** An intermediate one. */
	intermediate(
		name: string,
		options: CertificateOptions = {},
	): Promise<TestAuthority> {
		return TestAuthority.#make(this.#folder, name, this.#id, {
			extensions: ["basicConstraints=critical,CA:TRUE"],
			...options,
		});
	}

	/** For a server of the name. */
	server(
		name: string,
		options: CertificateOptions = {},
	): Promise<TestAuthority> {
		return TestAuthority.#make(this.#folder, name, this.#id, {
			extensions: [`subjectAltName=DNS:${name}`, "basicConstraints=CA:FALSE"],
			...options,
		});
	}

	static async #make(
		folder: string,
		name: string,
		issuer: string | undefined,
		{
			newKey = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
			extensions = [],
			days = 100,
			more = [],
		}: CertificateOptions,
	): Promise<TestAuthority> {
		const id = process.hrtime.bigint().toString(16);
		const file = (end: string, of = id) => join(folder, `${of}.${end}`);
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
			...["-extfile", file("ext"), "-out", file("pem"), ...more],
		]);
		return new TestAuthority(
			folder,
			id,
			await readFile(file("pem"), "utf8"),
			await readFile(file("key"), "utf8"),
		);
	}
}
