import test from "ava";
import {
	startTemporaryMysql,
	type TemporaryMysql,
} from "../../../testing/temporary-mysql.ts";
import {
	makeCertificate,
	type TestCertificate,
} from "../../../testing/test-certificates.ts";
import { TestManager } from "../../../testing/test-manager.ts";

// Connections to MySQL are tested with MariaDB.
let manager: TestManager;
let mysql: TemporaryMysql;
let authority: TestCertificate;
let ours: TestCertificate;
let cookie = "";
let id = 0;

test.before(async () => {
	mysql = await startTemporaryMysql();
	authority = await makeCertificate(mysql.directory, "authority");
	ours = await makeCertificate(mysql.directory, "ours", {
		by: authority,
		subjectAltName: "DNS:localhost",
	});
	await mysql.run(
		`CREATE DATABASE dbname; CREATE USER dbuser IDENTIFIED BY 'the password';
		 GRANT ALL ON dbname.* TO dbuser`,
	);
	manager = await TestManager.create();
	await manager.start();
	cookie = await manager.logIn();
	// A service that never runs.
	await manager.query(
		`INSERT INTO service (id, uid, folder, binary_name, title, build, label)
		 VALUES ('x', 2000, 'x', 'x', 'x', '1', '1')`,
	);
	const made = await manager.call(
		"instanceCreate",
		{
			...{ serviceId: "x", name: "x", domain: "example.com" },
			...{ databaseName: "dbname", databaseUser: "dbuser" },
			databasePassword: "the password",
		},
		{ cookie },
	);
	id = made.body.id;
});
test.after.always(async () => {
	await manager?.remove();
	await mysql?.remove();
});

async function testConnection(host: object, more: object = {}) {
	const { body } = await manager.call(
		"instanceTestConnection",
		{
			id,
			externalHost: {
				address: `localhost:${mysql.port}`,
				kind: "mysql",
				...host,
			},
			databasePassword: "the password",
			...more,
		},
		{ cookie },
	);
	return body;
}

const outcome = async (host: object, more?: object) => {
	const { works, usesTls, text } = await testConnection(host, more);
	return works ? usesTls : text;
};

test.serial("without TLS only two modes work", async (t) => {
	t.regex(
		(await testConnection({})).text,
		/^It works: MySQL [\d.]+-MariaDB.*without/,
	);
	t.is(await outcome({ tlsMode: "disable" }), false);
	t.is(await outcome({ tlsMode: "prefer" }), false);
	for (const tlsMode of ["require", "verify-ca", "verify-full"])
		t.regex(
			await outcome({ tlsMode, ca: authority.pem }),
			/does not support TLS/,
		);
});

test.serial("each mode checks the certificate as documented", async (t) => {
	await mysql.restart(ours);
	const ca = authority.pem;
	t.is(await outcome({ tlsMode: "disable" }), false);
	for (const host of [
		{ tlsMode: "prefer" },
		{ tlsMode: "require" },
		{ tlsMode: "verify-ca", ca },
		{ tlsMode: "verify-full", ca },
		{ tlsMode: "verify-ca", ca, address: `127.0.0.1:${mysql.port}` },
	])
		t.is(await outcome(host), true, JSON.stringify(host));
	t.regex(await outcome({ tlsMode: "verify-ca" }), /is not trusted/);
	t.regex(
		await outcome({
			tlsMode: "verify-full",
			ca,
			address: `127.0.0.1:${mysql.port}`,
		}),
		/needs a DNS name/,
	);
	const others = await makeCertificate(mysql.directory, "others", {
		by: authority,
		subjectAltName: "DNS:db.example.com",
	});
	await mysql.restart(others);
	t.regex(
		await outcome({ tlsMode: "verify-full", ca }),
		/is not for localhost/,
	);
});

test.serial("a failed test names the reason", async (t) => {
	t.regex(await outcome({}, { databasePassword: "wrong" }), /this password/);
	t.regex(
		await outcome({}, { databaseName: "missing" }),
		/no database missing/,
	);
	t.regex(
		await outcome({ kind: "postgresql" }),
		/not a supported PostgreSQL server/,
	);
	t.regex(await outcome({ address: "nothing.invalid" }), /is not found/);
});
