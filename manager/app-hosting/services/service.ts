import * as z from "zod";
import type { ToService } from "../../../sdk/protocol.ts";

/** A name of a directory, file or service: no path, not hidden, no character to quote. */
export const plainName = z
	.string()
	.regex(
		/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
		"1 to 63 letters, digits and . _ - of which the first is a letter or digit",
	);

/** In a service's directory; contains one directory per instance. */
export const instancesDirectory = "instances";

/** Reserved for the manager, as are names with these suffixes. */
const reserved = new Set(["manager", "webserver", instancesDirectory]);
const reservedSuffix = /\.(new|log|sock)$/;

export const freeName = plainName.refine(
	(name) => !reserved.has(name) && !reservedSuffix.test(name),
	{ error: "is reserved for the system" },
);

/** The path of a file in a service's directory: names separated by slashes. */
export const filePath = z
	.string()
	.max(200)
	.refine(
		(path) => {
			const [first, ...others] = path.split("/");
			const isPlain = (name: string) => plainName.safeParse(name).success;
			return (
				freeName.safeParse(first).success &&
				others.every(isPlain) &&
				!reservedSuffix.test(path)
			);
		},
		{
			error:
				"is not a path of names of letters, digits and . _ -, or is reserved for the system",
		},
	);

/** An installed app service. */
export interface Service {
	id: string;
	/** Its UNIX user. */
	uid: number;
	/** Its directory below /apps, called so in app.json. */
	folder: string;
	/** The program in the directory. */
	binary: string;
	title: string;
	build: string;
	label: string;
}

export interface ServiceFile {
	/** Its path below the service's directory. */
	name: string;
	/** Lower-case hex. */
	sha256: string;
}

/** A message that every service gets at its start and at each change. */
export type Announcement = Extract<
	ToService,
	{ mt: "CertificateChanged" | "DnsNameChanged" }
>;

/** The directories, the command and the group that services use on this machine. */
export interface ServiceEnvironment {
	/** Programs and working files: one directory per service. */
	apps: string;
	/** The instances' sockets: one directory per service. */
	sockets: string;
	/** The sockets on which the manager listens for services: one directory per service. */
	control: string;
	/** One directory per service. */
	logs: string;
	/** A file that names the wrong rules of an administrator for connections: see load-app-rules. */
	rulesLeftOut: string;
	/** Replaces run-app, without root, on a developer's machine and in tests. */
	runCommand?: string | undefined;
}
