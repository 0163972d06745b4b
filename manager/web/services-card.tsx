import { useEffect, useState } from "preact/hooks";
import type { ServiceStatus } from "../app-hosting/service-operations.ts";
import { post } from "./api.ts";
import { useForm } from "./form.ts";

const followMs = 2_000;

const words: Record<ServiceStatus["state"], string> = {
	stopped: "stopped",
	starting: "is starting",
	running: "running",
	waiting: "has crashed, starts again",
};

/** The installed services and how they are. */
export function ServicesCard({ services }: { services: ServiceStatus[] }) {
	return (
		<section class="card">
			<h2>Services</h2>
			{services.length === 0 && <p>None. Install one from the app store.</p>}
			<ul>
				{services.map((service) => (
					<li key={service.id}>
						<ServiceRow service={service} />
					</li>
				))}
			</ul>
		</section>
	);
}

function ServiceRow({ service }: { service: ServiceStatus }) {
	const { onSubmit, problem, sending } = useForm(async () => {
		await post("serviceRemove", { id: service.id });
	});
	const [isLogOpen, setLogOpen] = useState(false);
	return (
		<>
			<form onSubmit={onSubmit}>
				<strong>{service.title}</strong> {service.label}, build {service.build}:{" "}
				{words[service.state]}
				{service.isInCrashLoop && ", crashes again and again"}{" "}
				<button type="submit" disabled={sending}>
					Remove {service.title}
				</button>
				{problem && <p role="alert">{problem}</p>}
			</form>
			<details onToggle={(event) => setLogOpen(event.currentTarget.open)}>
				<summary>Log</summary>
				{isLogOpen && <ServiceLog id={service.id} />}
			</details>
		</>
	);
}

/** Followed as long as it is open. */
function ServiceLog({ id }: { id: string }) {
	const [text, setText] = useState("");
	useEffect(() => {
		const look = () =>
			post("serviceLog", { id }).then(
				(answer) => setText(answer.text),
				() => {}, // The page itself says when the manager is away.
			);
		void look();
		const timer = setInterval(look, followMs);
		return () => clearInterval(timer);
	}, [id]);
	return <pre>{text || "Nothing yet."}</pre>;
}
