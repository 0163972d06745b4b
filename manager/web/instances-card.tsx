import { useState } from "preact/hooks";
import type { InstanceStatus } from "../app-hosting/instances/status.ts";
import type { ServiceStatus } from "../app-hosting/service-operations.ts";
import { formatBytes } from "../shared/format.ts";
import { post } from "./api.ts";
import { textOf, useForm } from "./form.ts";
import { InstanceEdit } from "./instance-edit.tsx";
import {
	InstanceFields,
	instanceInput,
	tryDatabase,
} from "./instance-fields.tsx";

/** All instances, and the form for another one. */
export function InstancesCard({
	instances,
	services,
}: {
	instances: InstanceStatus[];
	services: ServiceStatus[];
}) {
	return (
		<section class="card">
			<h2>Instances</h2>
			{instances.length === 0 && <p>None yet.</p>}
			<ul>
				{instances.map((instance) => (
					<li key={instance.id}>
						<InstanceRow instance={instance} />
					</li>
				))}
			</ul>
			{services.length > 0 && <NewInstance services={services} />}
		</section>
	);
}

function InstanceRow({ instance }: { instance: InstanceStatus }) {
	const { id, path, started, state, text } = instance;
	const onOff = useForm(async () => {
		await post(started ? "instanceStop" : "instanceStart", { id });
	});
	const deletion = useForm(async (fields) => {
		await post("instanceDelete", { id, name: textOf(fields, "name") });
	});
	const problem = onOff.problem ?? deletion.problem;
	return (
		<>
			<a href={`/manager/open${path}`}>{path}</a>: {state}
			{text && ` (${text})`}; database {instance.databaseName},{" "}
			{formatBytes(instance.databaseSizeBytes ?? 0)}, {instance.connections}{" "}
			connections
			{instance.externalHost &&
				`; its data are on ${instance.externalHost.address}${instance.externalHost.kind === "mysql" ? ", MySQL, in no backup" : ""}`}
			<form onSubmit={onOff.onSubmit}>
				<button type="submit" disabled={onOff.sending}>
					{started ? "Stop" : "Start"} {path}
				</button>
			</form>
			<InstanceEdit instance={instance} />
			<details>
				<summary>Delete</summary>
				<form onSubmit={deletion.onSubmit}>
					<label>
						Its data go with it. To confirm, type its name, {instance.name}
						<input name="name" required autocomplete="off" />
					</label>
					<button type="submit" disabled={deletion.sending}>
						Delete {path}
					</button>
				</form>
			</details>
			{problem && <p role="alert">{problem}</p>}
		</>
	);
}

function NewInstance({ services }: { services: ServiceStatus[] }) {
	const [tried, setTried] = useState<string>();
	const { onSubmit, problem, sending } = useForm(
		async (fields, button) => {
			const input = instanceInput(fields);
			setTried(undefined);
			if (button === "try") setTried(await tryDatabase(input));
			else await post("instanceCreate", input);
		},
		{ keepFields: true },
	);
	return (
		<details>
			<summary>New instance</summary>
			<form onSubmit={onSubmit}>
				<label>
					Service
					<select name="serviceId">
						{services.map(({ id, title }) => (
							<option key={id} value={id}>
								{title}
							</option>
						))}
					</select>
				</label>
				<InstanceFields />
				<button type="submit" class="main" disabled={sending}>
					Create the instance
				</button>
				<button type="submit" value="try" disabled={sending}>
					Try the database on another host
				</button>
				{tried && <p role="status">{tried}</p>}
				{problem && <p role="alert">{problem}</p>}
			</form>
		</details>
	);
}
