import { useCallback, useEffect, useState } from "preact/hooks";
import type { ServicesAnswer } from "../app-hosting/service-operations.ts";
import { formatBytes } from "../shared/format.ts";
import { type Failure, type Output, post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

type Offer = Output<"storeApps">;
type Signature = Offer["signature"];

/** What the store has, and the way to install it. */
export function StoreCard({ services }: { services: ServicesAnswer }) {
	const [apps, setApps] = useState<Offer["apps"]>([]);
	const [signature, setSignature] = useState<Signature>();
	const [url, setUrl] = useState("");
	const [search, setSearch] = useState("");
	const [problem, setProblem] = useState<string>();
	const look = useCallback(async () => {
		try {
			setUrl((await post("storeUrl")).url);
			const offer = await post("storeApps");
			setApps(offer.apps);
			setSignature(offer.signature);
			setProblem(undefined);
		} catch (failure) {
			setApps([]);
			setSignature(undefined);
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
			{signature && <TrustQuestion {...{ url, signature }} onAnswer={look} />}
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
							busy={fetching !== undefined || !signature?.mayInstall}
						/>
					</li>
				))}
			</ul>
		</section>
	);
}

/** Asks what only a person can decide: who may offer programs for this device. */
function TrustQuestion({
	url,
	signature,
	onAnswer,
}: {
	url: string;
	signature: Signature;
	onAnswer: () => Promise<void>;
}) {
	const { state, mayInstall, key, trustedKey } = signature;
	const { onSubmit, problem, sending } = useForm(async () => {
		await post("storeTrust", { url, key: key ?? null });
		await onAnswer();
	});
	if (state === "local") return null;
	if (mayInstall && key === trustedKey)
		return (
			<p>
				{state === "signed" && `Signed with the key ${key}, which is trusted.`}
				{state === "unsigned" && "Not signed: accepted without a signature."}
			</p>
		);
	return (
		<form onSubmit={onSubmit}>
			<p role="status">
				{state === "changedKey" &&
					`This store was signed with the key ${trustedKey}. That has changed: somebody else may offer apps in its name. Ask the store's operator before you continue. `}
				{key === undefined
					? "This store is not signed: whoever controls its server, or the network between it and this device, can replace its apps with other programs, which then run here."
					: `This store is signed with the key ${key}. Compare it with the key that the store's operator publishes. From then on, only apps signed with this key are installed from this address.`}
			</p>
			<button type="submit" disabled={sending}>
				{key === undefined ? "Accept without a signature" : "Trust this key"}
			</button>
			{problem && <p role="alert">{problem}</p>}
		</form>
	);
}

function AppOffer({
	app,
	installedBuild,
	busy,
}: {
	app: Offer["apps"][0];
	installedBuild: string | undefined;
	busy: boolean;
}) {
	const isOlder = Number(installedBuild) > Number(app.build);
	const { onSubmit, problem, sending } = useForm(async (fields) => {
		const allowOlder = fields.get("older") === "on";
		await post("serviceInstall", { id: app.id, allowOlder });
	});
	return (
		<form onSubmit={onSubmit}>
			<strong>{app.title}</strong> {app.label} ({app.manufacturer})
			<br />
			{app.description}{" "}
			{installedBuild === app.build ? (
				<em>installed</em>
			) : (
				<>
					{isOlder && (
						<label>
							<input name="older" type="checkbox" required /> Build {app.build}{" "}
							is older than the installed build {installedBuild}. Install it
							nevertheless.
						</label>
					)}
					<button type="submit" disabled={sending || busy}>
						{installedBuild ? "Update" : "Install"} {app.title}
					</button>
				</>
			)}
			{problem && <p role="alert">{problem}</p>}
		</form>
	);
}
