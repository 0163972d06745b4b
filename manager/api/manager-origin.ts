import { X509Certificate } from "node:crypto";
import { isIPv6 } from "node:net";
import { hostname } from "node:os";
import type { FastifyRequest } from "fastify";
import { alternativeNames, isCovered } from "../device/certificate/names.ts";
import type { Settings } from "../settings/settings.ts";
import type { SettingValues } from "../settings/settings-table.ts";
import { OperationError } from "../shared/operation-error.ts";
import { bearerToken } from "./bearer.ts";
import { type Host, isOwnHost, isSameOrigin, parseHost } from "./origin.ts";

/** The web server's ports for HTTPS. */
export interface WebServerPorts {
	/** Serves the manager alone. */
	manager: number;
	/** Serves all apps, and the manager's API for tokens. */
	apps: number;
}

const watched = ["dnsName", "managerHostName", "managerOnAppOrigin"] as const;
type Watched = Pick<SettingValues, (typeof watched)[number]>;

/**
 * The origin of the manager's pages, which no app shares: a port of its own, and a host name of its own where there
 * is one. Sessions exist only there, because pages of apps could use them elsewhere.
 */
export class ManagerOrigin {
	readonly #isBehindWebServer: boolean;
	readonly #ports: WebServerPorts;
	readonly #settings: Partial<Watched> = {};
	#certificateNames: string[] = [];

	/** @param isBehindWebServer whether the web server sets the X-Forwarded headers; without it there are no apps. */
	constructor(
		isBehindWebServer: boolean,
		ports: WebServerPorts,
		settings: Settings,
	) {
		this.#isBehindWebServer = isBehindWebServer;
		this.#ports = ports;
		for (const name of watched)
			settings.watch(name, (value) => {
				Object.assign(this.#settings, { [name]: value });
			});
	}

	/** @param certificates PEM of the web server's certificate and its chain. */
	setCertificate(certificates: string): void {
		this.#certificateNames = alternativeNames(
			new X509Certificate(certificates),
		);
	}

	/** Returns whether a request was sent to the manager's origin. */
	isOwn(request: FastifyRequest): boolean {
		if (!this.#isBehindWebServer) return true;
		return (
			forwardedPort(request) === this.#ports.manager ||
			this.hasOwnName(request) ||
			this.#settings.managerOnAppOrigin === true
		);
	}

	/** Returns whether a request was sent to the host name that leads to the manager alone. */
	hasOwnName(request: FastifyRequest): boolean {
		const { managerHostName } = this.#settings;
		return (
			typeof managerHostName === "string" &&
			this.#hostOf(request)?.name === managerHostName
		);
	}

	/** Returns the address of the manager's page for the sender of a request to another origin. */
	pageUrl(request: FastifyRequest): string {
		const host = this.#hostOf(request);
		const { managerHostName } = this.#settings;
		// A name that the certificate does not cover would lead to a warning instead of the page.
		if (managerHostName && isCovered(managerHostName, this.#certificateNames))
			return `${originOf({ name: managerHostName, port: host?.port })}/manager/`;
		const port = String(this.#ports.manager);
		const name = host?.name ?? serverAddress(request);
		return `${originOf({ name, port })}/manager/`;
	}

	/** Returns the origin of the apps for the sender of a request to the manager's origin. */
	appsOrigin(request: FastifyRequest): string {
		const port = this.#ports.apps === 443 ? undefined : `${this.#ports.apps}`;
		const { managerHostName, dnsName } = this.#settings;
		const requested = this.#hostOf(request)?.name;
		const name =
			requested === undefined || requested === managerHostName
				? (dnsName ?? serverAddress(request))
				: requested;
		return originOf({ name, port });
	}

	/** @throws OperationError if a page of another origin may have sent a request with what a browser keeps for us. */
	check(request: FastifyRequest): void {
		const { origin, host } = request.headers;
		const sender = `Host "${host}", Origin "${origin}"`;
		if (!isSameOrigin(origin, host, this.#scheme))
			throw new OperationError(
				"forbidden",
				"wrongOrigin",
				`The request comes from a page of another origin: ${sender}. Open the manager's page at the address that Host names; a proxy must pass on Host unchanged.`,
			);
		if (host === undefined || isForAnyName(request)) return;
		const { dnsName, managerHostName } = this.#settings;
		// Unknown while the database is unavailable: nobody is locked out.
		if (dnsName === undefined || managerHostName === undefined) return;
		const name = this.#hostOf(request)?.name ?? "";
		// With or without its domain.
		const machine = hostname();
		const [label = machine] = machine.split(".");
		const configured = [dnsName, managerHostName].filter(
			(known) => known !== null,
		);
		const ownNames = [machine, label, `${label}.local`, ...configured];
		if (!isOwnHost(name, [...ownNames, ...this.#certificateNames]))
			throw new OperationError(
				"forbidden",
				"wrongHost",
				`This machine does not know the host name of the request: ${sender}. Open the manager by the machine's IP address; to use the name, enter it there as DNS name under Settings, or use a certificate that has it.`,
			);
	}

	get #scheme(): "http" | "https" {
		return this.#isBehindWebServer ? "https" : "http";
	}

	#hostOf({ headers }: FastifyRequest): Host | undefined {
		return parseHost(headers.host, this.#scheme);
	}
}

/** What needs no login. */
const publicPaths = ["/manager/api/health", "/manager/api/openapi.json"];

/** Browsers name the origin of each WebSocket, and no page of another site has a token. */
function isForAnyName(request: FastifyRequest): boolean {
	const { url, headers } = request;
	if (request.ws) return headers.origin === undefined;
	return (
		publicPaths.includes(url) ||
		(bearerToken(request) !== undefined && url.startsWith("/manager/api/"))
	);
}

/** The port of the web server that the client has connected to. */
function forwardedPort({ headers }: FastifyRequest): number {
	return Number(headers["x-forwarded-port"]);
}

/** The address of this machine that the client has connected to. */
function serverAddress({ headers }: FastifyRequest): string {
	const address = headers["x-forwarded-server"]?.toString() ?? "localhost";
	return address.replace(/^::ffff:/i, "");
}

function originOf({ name, port }: Host): string {
	const host = isIPv6(name) ? `[${name}]` : name;
	return `https://${host}${port === undefined ? "" : `:${port}`}`;
}
