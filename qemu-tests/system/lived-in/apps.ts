import { eventually } from "../../machine/index.ts";
import {
	notesPage,
	notesPath,
	openNotes,
	putStore,
	storeDirectory,
	waitForNotes,
} from "../notes.ts";
import { outputOf } from "../steps.ts";
import type { Fixture, OwnedMachine } from "./fixture.ts";

export const domains = ["example.com", "example.org"] as const;
export const filesPassword = "of the files";
/** An instance with its data on another database host, see `database.ts`. */
export const outsideNotes = "outside";
const notes = "app-platform_notes";
const files = "app-platform_files";

interface Instance {
	id: number;
	name: string;
	domain: string;
	state: string;
	started: boolean;
}

/** Both example apps from a store on the device, with instances in two domains and their text. */
export const apps: Fixture = {
	async create({ machine, call }) {
		await putStore(machine);
		await call("storeUrlChange", { url: storeDirectory });
		for (const id of [notes, files]) await call("serviceInstall", { id });
		for (const domain of domains) {
			await call("instanceCreate", { serviceId: notes, name: "notes", domain });
			await call("instanceCreate", {
				...{ serviceId: files, name: "files", domain },
				password: filesPassword,
			});
			await write(machine, notesPath(domain), textOf(domain));
		}
		for (const name of [outsideNotes, "resting"])
			await call("instanceCreate", {
				...{ serviceId: notes, name, domain: "example.org" },
			});
		await write(machine, `/example.org/${outsideNotes}/`, textOf("outside"));
		const resting = await instanceNamed(call, "resting");
		await call("instanceStop", { id: resting.id });
		await call("instanceLogFlags", { id: resting.id, logFlags: 6 });
	},

	async read({ machine, root, call }) {
		const instances = await runningInstances(call);
		const credentials = [];
		for (const { id } of instances)
			credentials.push(await call("instanceCredentials", { id }));
		const texts: Record<string, string> = {};
		for (const path of [
			...domains.map(notesPath),
			`/example.org/${outsideNotes}/`,
		]) {
			const page = await notesPage(machine, path);
			const { socket, text } = await openNotes(machine, path);
			socket.terminate();
			texts[path] = `${/<title>(.*)<\/title>/.exec(page)?.[1]}: ${text}`;
		}
		return {
			store: await call("storeUrl"),
			services: await readServices(call),
			instances,
			credentials,
			texts,
			programs: await outputOf(
				root,
				"cd /mnt/sda2/apps && ls -d */ && stat -c '%U:%G %a %n' */instances/*",
			),
		};
	},
};

export async function instanceNamed(
	call: OwnedMachine["call"],
	wanted: string,
): Promise<Instance> {
	const { instances } = (await call("instances")) as { instances: Instance[] };
	const found = instances.find(({ name }) => name === wanted);
	if (!found) throw new Error(`There is no instance ${wanted}`);
	return found;
}

const textOf = (name: string) => `Käse & Brot\n“${name}”, ☕ um 8\n`;

async function write(
	machine: OwnedMachine["machine"],
	path: string,
	text: string,
): Promise<void> {
	await notesPage(machine, path);
	const { socket } = await openNotes(machine, path);
	socket.send(text);
	await waitForNotes(machine, path, text);
	socket.terminate();
}

/** The manager's services, without figures that change by themselves. */
async function readServices(call: OwnedMachine["call"]) {
	const { services } = (await call("services")) as {
		services: { crashes: number }[];
	};
	return services.map(({ crashes: _, ...service }) => service);
}

/** Waits until all started instances run and returns all instances. */
function runningInstances(call: OwnedMachine["call"]): Promise<Instance[]> {
	return eventually(
		"all instances run",
		async () => {
			const answer = (await call("instances")) as {
				instances: (Instance & Record<string, unknown>)[];
			};
			const pending = answer.instances.filter(
				({ started, state }) => started && state !== "running",
			);
			if (pending.length > 0)
				throw new Error(`not yet: ${JSON.stringify(pending)}`);
			return answer.instances.map(
				({
					connections: _,
					databaseSizeBytes: __,
					cleanUp: ___,
					...instance
				}) => instance,
			);
		},
		{ timeoutMs: 300_000, intervalMs: 2_000 },
	);
}
