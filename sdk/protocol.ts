import * as z from "zod";

// What the manager and a service say to each other, one JSON object a line, on the UNIX socket
// that `--manager` names. docs/apps.md describes it for other languages.

/** Raised when an older side could not understand the newer one. */
export const protocolVersion = 1;
/**
 * What a service understands beyond that, as it says in its Hello: 1, databases on other hosts
 * (`port`, `kind`, `tls`); 2, CertificateChanged and DnsNameChanged. Without it, 0.
 */
export const protocolMinor = 2;
export const longestLineBytes = 64 * 1024;

const instanceKey = { name: z.string(), domain: z.string() };

export const databaseKind = z.enum(["postgresql", "mysql"]);
export type DatabaseKind = z.output<typeof databaseKind>;

export const defaultPorts: Readonly<Record<DatabaseKind, number>> = {
	postgresql: 5432,
	mysql: 3306,
};

/** As libpq's `sslmode`. */
export const tlsMode = z.enum([
	/** Never. */
	"disable",
	/** If the server takes it. */
	"prefer",
	/** Without looking at the certificate, unless there is a `ca`: then as `verify-ca`. */
	"require",
	/** With a certificate of somebody trusted. */
	"verify-ca",
	/** And with the name or address that was asked for. */
	"verify-full",
]);

const tlsSettings = z.object({
	mode: tlsMode,
	/** Who is trusted, as PEM; without it, whom everybody trusts. */
	ca: z.string().optional(),
});
export type TlsSettings = z.output<typeof tlsSettings>;

const databaseHost = z.object({
	port: z.int(),
	kind: databaseKind,
	tls: tlsSettings,
});
export type DatabaseHost = z.output<typeof databaseHost>;

/** All that an instance needs to know. */
export const instanceArguments = z.object({
	...instanceKey,
	/** Of the instance: for who logs in to it. */
	password: z.string(),
	webServer: z.object({
		/** UNIX socket on which the instance answers HTTP and WebSocket. */
		socket: z.string(),
		/** Begins and ends with a slash; requests carry it. */
		path: z.string(),
	}),
	database: z.object({
		/** Folder of the UNIX socket; or a DNS name or IP address, then the next three are there. */
		host: z.string(),
		...databaseHost.partial().shape,
		name: z.string(),
		user: z.string(),
		password: z.string(),
	}),
	/** A folder of its own for files; empty at first. */
	workingPath: z.string(),
	logFlags: z.int().min(0),
});
export type InstanceArguments = z.output<typeof instanceArguments>;

export const toService = z.discriminatedUnion("mt", [
	z.object({
		mt: z.literal("StartInstance"),
		instance: instanceArguments,
	}),
	z.object({ mt: z.literal("StopInstance"), ...instanceKey }),
	z.object({
		mt: z.literal("SetLogFlags"),
		...instanceKey,
		logFlags: z.int().min(0),
	}),
	z.object({ mt: z.literal("Shutdown") }),
	/** After Hello, as soon as it is known, and after each change. */
	z.object({
		mt: z.literal("CertificateChanged"),
		/** PEM: what the web server sends, its own certificate first. Never a key. */
		certificates: z.string(),
	}),
	/** As the one before. */
	z.object({
		mt: z.literal("DnsNameChanged"),
		/** By which people reach this machine; not there where it has none. */
		dnsName: z.string().optional(),
	}),
]);
export type ToService = z.output<typeof toService>;

/** Without NUL, which no database keeps. */
const plainText = (most: number) =>
	z
		.string()
		.max(most)
		.transform((text) => text.replaceAll("\0", " "));
const shortText = plainText(1_000);
export const alarmSeverity = z.enum(["indeterminate", "major", "critical"]);
const alarmKey = {
	/** Which fault of the app: its own number. */
	code: z.int().min(0).max(0xffff),
	/** Without an instance it is the service's. */
	instance: z.object({ name: shortText, domain: shortText }).optional(),
};

export const toManager = z.discriminatedUnion("mt", [
	/** The first message. */
	z.object({
		mt: z.literal("Hello"),
		protocol: z.int(),
		minor: z.int().min(0).default(0),
		service: shortText,
	}),
	z.object({
		mt: z.literal("InstanceState"),
		name: shortText,
		domain: shortText,
		state: z.enum(["running", "stopped", "failed"]),
		/** Why it failed. */
		text: shortText.optional(),
	}),
	/** Something is wrong, of the service or of one of its instances, until it is cleared. */
	z.object({
		mt: z.literal("RaiseAlarm"),
		...alarmKey,
		severity: alarmSeverity,
		text: shortText,
		details: plainText(10_000).optional(),
	}),
	z.object({ mt: z.literal("ClearAlarm"), ...alarmKey }),
]);
export type ToManager = z.output<typeof toManager>;
export type AlarmSeverity = z.output<typeof alarmSeverity>;
