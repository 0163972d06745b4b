import * as z from "zod";

// The messages between the manager and a service: one JSON object per line, on the UNIX socket
// that `--manager` names. docs/apps.md describes the protocol for other languages.

/** Raised for changes that an older side would not understand. */
export const protocolVersion = 1;
/**
 * What a service also supports, as its Hello says. 1: databases on other hosts (`port`, `kind`,
 * `tls`). 2: CertificateChanged and DnsNameChanged. 0 if the Hello has none.
 */
export const protocolMinor = 2;
export const maxLineBytes = 64 * 1024;

const instanceKey = { name: z.string(), domain: z.string() };

export const databaseKind = z.enum(["postgresql", "mysql"]);
export type DatabaseKind = z.output<typeof databaseKind>;

export const defaultPorts: Readonly<Record<DatabaseKind, number>> = {
	postgresql: 5432,
	mysql: 3306,
};

/** libpq's `sslmode`. */
export const tlsMode = z.enum([
	/** Without TLS. */
	"disable",
	/** With TLS if the server supports it. */
	"prefer",
	/** The certificate is not verified, unless there is a `ca`: then as `verify-ca`. */
	"require",
	/** The certificate must be issued by a trusted CA. */
	"verify-ca",
	/** The certificate must also match the host name or address. */
	"verify-full",
]);

const tlsSettings = z.object({
	mode: tlsMode,
	/** The trusted CA certificates, as PEM; by default, the public ones. */
	ca: z.string().optional(),
});
export type TlsSettings = z.output<typeof tlsSettings>;

const databaseHost = z.object({
	port: z.int(),
	kind: databaseKind,
	tls: tlsSettings,
});
export type DatabaseHost = z.output<typeof databaseHost>;

/** The configuration of an instance. */
export const instanceArguments = z.object({
	...instanceKey,
	/** Clients log in to the instance with it. */
	password: z.string(),
	webServer: z.object({
		/** The UNIX socket on which the instance answers HTTP and WebSocket. */
		socket: z.string(),
		/** Begins and ends with a slash; the URLs of requests include it. */
		path: z.string(),
	}),
	database: z.object({
		/** The directory of the UNIX socket; or a DNS name or IP address, with the next three fields. */
		host: z.string(),
		...databaseHost.partial().shape,
		name: z.string(),
		user: z.string(),
		password: z.string(),
	}),
	/** The instance's own directory for files; initially empty. */
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
	/** Sent after Hello as soon as it is known, and after each change. */
	z.object({
		mt: z.literal("CertificateChanged"),
		/** PEM of the chain that the web server sends, its own certificate first. Never a key. */
		certificates: z.string(),
	}),
	/** Sent like CertificateChanged. */
	z.object({
		mt: z.literal("DnsNameChanged"),
		/** By which clients reach this machine; absent if none is set. */
		dnsName: z.string().optional(),
	}),
]);
export type ToService = z.output<typeof toService>;

/** Replaces NUL, which databases cannot store. */
const plainText = (maxLength: number) =>
	z
		.string()
		.max(maxLength)
		.transform((text) => text.replaceAll("\0", " "));
const shortText = plainText(1_000);
export const alarmSeverity = z.enum(["indeterminate", "major", "critical"]);
const alarmKey = {
	/** Identifies the fault within the app. */
	code: z.int().min(0).max(0xffff),
	/** Without it, the alarm is about the service as a whole. */
	instance: z.object({ name: shortText, domain: shortText }).optional(),
};

export const toManager = z.discriminatedUnion("mt", [
	/** The first message of a service. */
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
		/** The reason of a failure. */
		text: shortText.optional(),
	}),
	/** A fault of the service or of one of its instances, until it is cleared. */
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
