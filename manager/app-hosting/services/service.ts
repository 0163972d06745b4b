import * as z from "zod";
import type { ToService } from "../../../sdk/protocol.ts";

/** Of folders, files and services: no path, no hidden file, nothing to quote. */
export const plainName = z
	.string()
	.regex(
		/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
		"1 to 63 letters, digits and . _ - of which the first is a letter or digit",
	);

/** In a service's folder, with a folder of each instance. */
export const instancesFolder = "instances";

/** Taken by the manager itself, as are names with these ends. */
const reserved = new Set(["manager", "webserver", instancesFolder]);
const reservedEnd = /\.(new|log|sock)$/;

export const freeName = plainName.refine(
	(name) => !reserved.has(name) && !reservedEnd.test(name),
	{ error: "is a name of the system" },
);

/** Of a file in a service's folder: names with slashes between them. */
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
				!reservedEnd.test(path)
			);
		},
		{
			error:
				"is no path of names of letters, digits and . _ -, or one of the system",
		},
	);

/** An app service that is installed. */
export interface Service {
	id: string;
	/** Its UNIX user. */
	uid: number;
	/** Below /apps. */
	folder: string;
	/** The program in the folder. */
	binary: string;
	title: string;
	build: string;
	label: string;
}

/** A file of it. */
export interface ServiceFile {
	/** Its path below the service's folder. */
	name: string;
	/** Lower-case hex. */
	sha256: string;
}

/** What every service is told, at its start and whenever it changes. */
export type Announcement = Extract<
	ToService,
	{ mt: "CertificateChanged" | "DnsNameChanged" }
>;

/** Where services live on this machine; all but `runCommand` are folders. */
export interface ServicePlaces {
	/** Programs and working files, a folder a service. */
	apps: string;
	/** Sockets on which instances answer, a folder a service. */
	sockets: string;
	/** Sockets on which the manager listens for services. */
	control: string;
	/** A folder a service. */
	logs: string;
	/** Control groups that run-app makes, a folder a service. */
	controlGroups: string;
	/** Starts a program with no more rights than a service needs: see run-app. */
	runCommand: string;
	/** Whose members may connect to the sockets of instances. */
	webServerGroup: string;
}
