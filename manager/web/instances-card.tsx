import type { InstanceStatus } from "../instances/status.ts";
import type { ServiceStatus } from "../services/operations.ts";
import { post } from "./api.ts";
import { useForm } from "./form.ts";
import { formatBytes } from "./format.ts";

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
		await post("instanceDelete", { id, name: fields.get("name") });
	});
	const problem = onOff.problem ?? deletion.problem;
	return (
		<>
			<a href={path}>{path}</a>: {state}
			{text && ` (${text})`}; database {instance.databaseName},{" "}
			{formatBytes(instance.databaseSizeBytes ?? 0)}, {instance.connections}{" "}
			connections
			<form onSubmit={onOff.onSubmit}>
				<button type="submit" disabled={onOff.sending}>
					{started ? "Stop" : "Start"} {path}
				</button>
			</form>
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
	const { onSubmit, problem, sending } = useForm(async (fields) => {
		// What is left empty gets its default.
		const filled = [...fields].filter(([, value]) => value !== "");
		await post("instanceCreate", Object.fromEntries(filled));
	});
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
				<label>
					Domain
					<input name="domain" required placeholder="example.com" />
				</label>
				<label>
					Name
					<input name="name" required />
				</label>
				<label>
					Password
					<input
						name="password"
						type="password"
						autocomplete="new-password"
						placeholder="made up if empty"
					/>
				</label>
				<label>
					Database
					<input name="databaseName" placeholder="domain_name" />
				</label>
				<label>
					Database user
					<input name="databaseUser" placeholder="domain_name" />
				</label>
				<button type="submit" class="main" disabled={sending}>
					Create the instance
				</button>
				{problem && <p role="alert">{problem}</p>}
			</form>
		</details>
	);
}
