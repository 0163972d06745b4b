import { useCallback, useEffect, useState } from "preact/hooks";
import type { ServicesAnswer } from "../app-hosting/service-operations.ts";
import { formatBytes } from "../shared/format.ts";
import { type Failure, post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

interface StoreApp {
	id: string;
	title: string;
	description: string;
	manufacturer: string;
	build: string;
	label: string;
}

/** What the store has, and the way to install it. */
export function StoreCard({ services }: { services: ServicesAnswer }) {
	const [apps, setApps] = useState<StoreApp[]>([]);
	const [url, setUrl] = useState("");
	const [search, setSearch] = useState("");
	const [problem, setProblem] = useState<string>();
	const look = useCallback(async () => {
		try {
			setUrl((await post("storeUrl")).url);
			setApps((await post("storeApps")).apps);
			setProblem(undefined);
		} catch (failure) {
			setApps([]);
			setProblem((failure as Failure).message);
		}
	}, []);
	useEffect(() => void look(), [look]);
	const address = useForm(async (fields) => {
		await post("storeUrlChange", { url: textOf(fields, "url") });
		await look();
	});
	const { fetching, interrupted } = services;
	const resumption = useForm(async (_fields, button) => {
		if (button === "discard") await post("serviceInstallCancel");
		else if (interrupted) await post("serviceInstall", { id: interrupted.id });
	});
	const found = apps.filter(({ title, description }) =>
		`${title} ${description}`.toLowerCase().includes(search.toLowerCase()),
	);
	return (
		<section class="card">
			<h2>App store</h2>
			<form onSubmit={address.onSubmit}>
				<label>
					Address of the store
					<input name="url" required defaultValue={url} />
				</label>
				<button type="submit" disabled={address.sending}>
					Use this store
				</button>
				{address.problem && <p role="alert">{address.problem}</p>}
			</form>
			{problem && <p role="status">{problem}</p>}
			{apps.length > 0 && (
				<label>
					Search
					<input
						type="search"
						value={search}
						onInput={(event) => setSearch(event.currentTarget.value)}
					/>
				</label>
			)}
			{fetching && (
				<p role="status">
					Installing {fetching.id}: {fetching.file},{" "}
					{formatBytes(fetching.receivedBytes)}{" "}
					<button
						type="button"
						onClick={() => void post("serviceInstallCancel").catch(() => {})}
					>
						Cancel
					</button>
				</p>
			)}
			{interrupted && (
				<form onSubmit={resumption.onSubmit}>
					<p role="status">
						The installation of {interrupted.id}, build {interrupted.build}, was
						interrupted: {formatBytes(interrupted.receivedBytes)} have arrived.
					</p>
					<button type="submit" class="main" disabled={resumption.sending}>
						Go on with it
					</button>
					<button type="submit" value="discard" disabled={resumption.sending}>
						Give it up
					</button>
					{resumption.problem && <p role="alert">{resumption.problem}</p>}
				</form>
			)}
			<ul>
				{found.map((app) => (
					<li key={app.id}>
						<AppOffer
							app={app}
							installedBuild={
								services.services.find(({ id }) => id === app.id)?.build
							}
							busy={fetching !== undefined}
						/>
					</li>
				))}
			</ul>
		</section>
	);
}

function AppOffer({
	app,
	installedBuild,
	busy,
}: {
	app: StoreApp;
	installedBuild: string | undefined;
	busy: boolean;
}) {
	const { onSubmit, problem, sending } = useForm(async () => {
		await post("serviceInstall", { id: app.id });
	});
	return (
		<form onSubmit={onSubmit}>
			<strong>{app.title}</strong> {app.label} ({app.manufacturer})
			<br />
			{app.description}{" "}
			{installedBuild === app.build ? (
				<em>installed</em>
			) : (
				<button type="submit" disabled={sending || busy}>
					{installedBuild ? "Update" : "Install"} {app.title}
				</button>
			)}
			{problem && <p role="alert">{problem}</p>}
		</form>
	);
}
