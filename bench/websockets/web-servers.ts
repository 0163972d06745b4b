import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { glob } from "zx";
import { rootfsTree } from "../../board/base.ts";
import { debianBase } from "../../board/debian/base.ts";
import { targets } from "../../board/target.ts";
import { freePort } from "../../development/free-port.ts";
import { runStage } from "../../pipeline/stage.ts";

/** Options of a web server: all have the same certificate, app and number of connections. */
export interface WebServerOptions {
	/** Key and certificate in one file. */
	certificate: string;
	/** The UNIX socket of the app. */
	socket: string;
	maxConnections: number;
	/** The directory for its files. */
	directory: string;
}

export interface WebServer {
	port: number;
	pid: number;
	end(): Promise<void>;
}

/** Starts Debian's nginx, configured for WebSockets as documented, with small buffers. */
export async function startNginx(
	options: WebServerOptions,
): Promise<WebServer> {
	const port = await freePort();
	const file = join(options.directory, "nginx.conf");
	const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
		(name) => `${name}_temp_path ${options.directory}/${name};`,
	);
	const config = `
		${process.getuid?.() === 0 ? "user root;" : ""}
		daemon off;
		worker_processes auto;
		pid ${options.directory}/nginx.pid;
		error_log stderr error;
		events { worker_connections ${2 * options.maxConnections}; }
		http {
			access_log off;
			${temporary.join("\n")}
			server {
				listen 127.0.0.1:${port} ssl;
				ssl_certificate ${options.certificate};
				ssl_certificate_key ${options.certificate};
				ssl_protocols TLSv1.2 TLSv1.3;
				ssl_session_tickets off;
				ssl_buffer_size 4k;
				location / {
					proxy_pass http://unix:${options.socket}:;
					proxy_http_version 1.1;
					proxy_buffer_size 4k;
					proxy_read_timeout 1h;
					proxy_set_header Host $host;
					proxy_set_header Upgrade $http_upgrade;
					proxy_set_header Connection upgrade;
					proxy_set_header X-Forwarded-For $remote_addr;
				}
			}
		}
	`;
	await writeFile(file, config);
	const child = spawn("/usr/sbin/nginx", ["-e", "stderr", "-c", file], {
		stdio: ["ignore", "ignore", "inherit"],
	});
	await waitUntilListening(port);
	return toWebServer(child, port);
}

/** Starts a maintained proxy from npm in one Node process. */
export async function startNodeProxy(
	options: WebServerOptions,
): Promise<WebServer> {
	const port = await freePort();
	const child = fork(join(import.meta.dirname, "node-proxy.ts"), [
		options.certificate,
		String(port),
		options.socket,
	]);
	await once(child, "message");
	return toWebServer(child, port);
}

function toWebServer(child: ChildProcess, port: number): WebServer {
	return {
		port,
		pid: child.pid as number,
		async end() {
			const exited = once(child, "exit");
			child.kill();
			await exited;
		},
	};
}

async function waitUntilListening(port: number): Promise<void> {
	for (let tries = 100; ; tries--) {
		const socket = connect(port, "127.0.0.1");
		try {
			await once(socket, "connect");
			return;
		} catch (error) {
			if (tries === 0) throw error;
			await delay(50);
		} finally {
			socket.destroy();
		}
	}
}

/**
 * Returns the HAProxy of the image for this architecture, run by the image's loader with the image's libraries: OpenSSL's
 * version accounts for a third of an idle connection's memory.
 * @returns the program and its first arguments.
 * @throws Error when there is no image for this machine's architecture.
 */
export async function imageHaproxy(): Promise<readonly [string, ...string[]]> {
	const architecture = spawnSync("dpkg", ["--print-architecture"])
		.stdout.toString()
		.trim();
	const target = targets.find(
		({ debianArchitecture }) => debianArchitecture === architecture,
	);
	if (!target) throw new Error(`there is no image for ${architecture}`);
	const base = await debianBase(target, { offline: true });
	const stage = await runStage(base.rootfs, { useCache: true, report() {} });
	const tree = rootfsTree(stage);
	const libraries = join(tree, "usr/lib", target.gnuTriplet);
	const [loader] = await glob("ld-linux*.so*", { cwd: libraries });
	if (!loader) throw new Error(`no loader in ${libraries}`);
	return [
		join(libraries, loader),
		...["--library-path", libraries, join(tree, "usr/sbin/haproxy")],
	];
}
