import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../development/free-port.ts";

/** What a peer gets: all have the same certificate, the same app and as many connections. */
export interface Given {
	/** Key and certificate in one file. */
	certificate: string;
	/** The UNIX socket of the app. */
	socket: string;
	mostConnections: number;
	/** For its files. */
	folder: string;
}

export interface Peer {
	port: number;
	pid: number;
	end(): Promise<void>;
}

/** Debian's nginx, as its documentation has WebSockets proxied, with small buffers. */
export async function startNginx(given: Given): Promise<Peer> {
	const port = await freePort();
	const file = join(given.folder, "nginx.conf");
	const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
		(name) => `${name}_temp_path ${given.folder}/${name};`,
	);
	const config = `
		${process.getuid?.() === 0 ? "user root;" : ""}
		daemon off;
		worker_processes auto;
		pid ${given.folder}/nginx.pid;
		error_log stderr error;
		events { worker_connections ${2 * given.mostConnections}; }
		http {
			access_log off;
			${temporary.join("\n")}
			server {
				listen 127.0.0.1:${port} ssl;
				ssl_certificate ${given.certificate};
				ssl_certificate_key ${given.certificate};
				ssl_protocols TLSv1.2 TLSv1.3;
				ssl_session_tickets off;
				ssl_buffer_size 4k;
				location / {
					proxy_pass http://unix:${given.socket}:;
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
	await accepts(port);
	return peerOf(child, port);
}

/** A well-kept proxy from npm in one process of Node. */
export async function startNodeProxy(given: Given): Promise<Peer> {
	const port = await freePort();
	const child = fork(join(import.meta.dirname, "node-proxy.ts"), [
		given.certificate,
		String(port),
		given.socket,
	]);
	await once(child, "message");
	return peerOf(child, port);
}

function peerOf(child: ChildProcess, port: number): Peer {
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

async function accepts(port: number): Promise<void> {
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
