import type { ChildProcess } from "node:child_process";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectory } from "../../shared/make-directory.ts";
import {
	rootCommand,
	runRootCommand,
	spawnRootCommand,
} from "../../shared/root-command.ts";
import {
	instancesDirectory,
	type Service,
	type ServiceEnvironment,
} from "./service.ts";

const command = rootCommand("app");

/**
 * What hosting apps needs root for, because each service has a UNIX user of its own: directories and processes. On a
 * developer's machine and in tests, which name a command that replaces run-app, all of it belongs to one user.
 */
export class AppSystem {
	readonly #environment: ServiceEnvironment;

	constructor(environment: ServiceEnvironment) {
		this.#environment = environment;
	}

	get #isOneUser(): boolean {
		return this.#environment.runCommand !== undefined;
	}

	/** The socket on which the manager waits for the service. */
	controlSocket({ folder }: Service): string {
		return join(this.#environment.control, folder, "manager.sock");
	}

	instanceDirectory({ folder }: Service, id: number): string {
		const { apps } = this.#environment;
		return join(apps, folder, instancesDirectory, String(id));
	}

	/** Makes the directories of a service, or corrects their owners. */
	async prepare(service: Service): Promise<void> {
		const { folder, uid } = service;
		const { apps, sockets } = this.#environment;
		if (!this.#isOneUser)
			return void (await runRootCommand(command, [
				...["prepare", folder, String(uid)],
			]));
		await makeDirectory(join(apps, folder), 0o755);
		await makeDirectory(join(sockets, folder), 0o750);
		await makeDirectory(dirname(this.controlSocket(service)), 0o710);
	}

	/** Starts the process of a service, which `kill` ends. */
	spawn(service: Service): ChildProcess {
		const { apps, logs, runCommand } = this.#environment;
		const { folder, uid, binary, id } = service;
		if (runCommand === undefined)
			return spawnRootCommand(
				command,
				["start", folder, String(uid), binary, id],
				{ stdio: "ignore" },
			);
		const directory = join(apps, folder);
		return spawnRootCommand(
			runCommand,
			[
				...[folder, String(uid), join(logs, folder), join(directory, binary)],
				...[`--manager=${this.controlSocket(service)}`, `--service=${id}`],
			],
			{
				cwd: directory,
				stdio: "ignore",
				env: {
					PATH: process.env.PATH,
					LANG: "C.UTF-8",
					NODE_ENV: "production",
				},
			},
		);
	}

	/** Signals the process of a service and all its children. */
	async kill(
		{ folder }: Service,
		child: ChildProcess | undefined,
		signal: "TERM" | "KILL",
	): Promise<void> {
		if (this.#isOneUser) child?.kill(`SIG${signal}`);
		else await runRootCommand(command, ["signal", folder, signal]);
	}

	/** Deletes the directories of a service that does not run. */
	async delete(service: Service): Promise<void> {
		const { folder } = service;
		if (!this.#isOneUser)
			return void (await runRootCommand(command, ["delete", folder]));
		const { apps, sockets, control } = this.#environment;
		for (const parent of [apps, sockets, control])
			await rm(join(parent, folder), { recursive: true, force: true });
	}

	async prepareInstance(service: Service, id: number): Promise<void> {
		const { folder, uid } = service;
		if (this.#isOneUser)
			await makeDirectory(this.instanceDirectory(service, id), 0o700);
		else
			await runRootCommand(command, [
				...["prepare-instance", folder, String(uid), String(id)],
			]);
	}

	/** Ignores a missing directory. */
	async deleteInstance(service: Service, id: number): Promise<void> {
		if (this.#isOneUser)
			await rm(this.instanceDirectory(service, id), {
				recursive: true,
				force: true,
			});
		else
			await runRootCommand(command, [
				...["delete-instance", service.folder, String(id)],
			]);
	}
}
