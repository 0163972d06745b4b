import { useEffect, useMemo, useState } from "preact/hooks";
import type { UpdateStatus } from "../device/update/operations.ts";
import { formatBytes } from "../shared/format.ts";
import { post } from "./api.ts";
import { Connection } from "./connection.ts";
import { textOf, useForm } from "./form.ts";
import { useLive } from "./live.ts";
import { uploadUpdate } from "./upload.ts";

interface Received {
	version: string;
	build: number;
	target: string;
}

/** Brings an update onto the device and installs it; shows how those before ended. */
export function UpdatePage({ failed }: { failed: () => void }) {
	const connection = useMemo(() => new Connection(), []);
	useEffect(() => () => connection.close(), [connection]);
	const { value: status } = useLive(connection, "updateStatus", failed);
	const [received, setReceived] = useState<Received>();
	useRestart(status?.step === "restarting");
	if (!status) return null;
	if (status.step === "restarting")
		return (
			<section class="card narrow">
				<h2>Update</h2>
				<p>The device restarts to install the update. This takes minutes.</p>
			</section>
		);
	return (
		<div class="cards">
			<section class="card">
				<h2>Update</h2>
				<p>
					Installed: {status.running?.version}, build {status.running?.build}
				</p>
				<Bring status={status} done={setReceived} />
				{status.problem && <p role="alert">{status.problem}</p>}
				{received && status.running && (
					<Install received={received} running={status.running} />
				)}
			</section>
			<section class="card">
				<h2>Updates so far</h2>
				{status.history.length === 0 && <p>None.</p>}
				<ul>
					{status.history.map((one) => (
						<li key={`${one.endedAt} ${one.build}`}>
							{new Date(one.endedAt).toLocaleString()}: {inWords(one)}
						</li>
					))}
				</ul>
			</section>
		</div>
	);
}

/** While the device restarts, the ramdisk's page takes this one's place, then the new one. */
function useRestart(restarting: boolean) {
	useEffect(() => {
		if (!restarting) return;
		const timer = setInterval(async () => {
			const answer = await fetch("/manager/api/health").catch(() => undefined);
			if (answer && !answer.ok) location.reload();
		}, 3_000);
		return () => clearInterval(timer);
	}, [restarting]);
}

function Bring({
	status,
	done,
}: {
	status: UpdateStatus;
	done: (received: Received) => void;
}) {
	const [sent, setSent] = useState<{ bytes: number; total: number }>();
	const check = async () => done(await post("updateCheck"));
	const checked = useForm(check);
	const upload = useForm(async (fields) => {
		const file = fields.get("file");
		if (!(file instanceof File) || file.size === 0)
			throw new Error("Choose a file first.");
		try {
			await uploadUpdate(file, (bytes) => setSent({ bytes, total: file.size }));
			await check();
		} finally {
			setSent(undefined);
		}
	});
	const downloading = status.step === "downloading";
	const download = useForm(async (fields) => {
		await post("updateDownload", { url: textOf(fields, "url") });
	});
	const { receivedBytes, totalBytes = receivedBytes } = status;
	const progress =
		sent ??
		(downloading ? { bytes: receivedBytes, total: totalBytes } : undefined);
	return (
		<>
			<form onSubmit={upload.onSubmit}>
				<label>
					File update-…img
					<input name="file" type="file" required />
				</label>
				<button type="submit" disabled={upload.sending || downloading}>
					Upload
				</button>
				{upload.problem && <p role="alert">{upload.problem}</p>}
			</form>
			<form onSubmit={download.onSubmit}>
				<label>
					Address
					<input name="url" type="url" required />
				</label>
				<button type="submit" disabled={download.sending || downloading}>
					Download
				</button>
				{download.problem && <p role="alert">{download.problem}</p>}
			</form>
			{progress && (
				<p>
					<progress value={progress.bytes} max={progress.total || 1} />{" "}
					{formatBytes(progress.bytes)} of {formatBytes(progress.total)}
				</p>
			)}
			{!progress && receivedBytes > 0 && (
				<>
					<p>{formatBytes(receivedBytes)} received.</p>
					<form onSubmit={checked.onSubmit}>
						<button type="submit" disabled={checked.sending}>
							Check
						</button>
						{checked.problem && <span role="alert">{checked.problem}</span>}
					</form>
				</>
			)}
			{(downloading || receivedBytes > 0) && (
				<button type="button" onClick={() => void post("updateCancel")}>
					Cancel
				</button>
			)}
		</>
	);
}

function Install({
	received,
	running,
}: {
	received: Received;
	running: Received;
}) {
	const isOlder = received.build <= running.build;
	const { onSubmit, problem, sending } = useForm(async (fields) => {
		await post("updateInstall", { allowOlder: fields.get("older") === "on" });
	});
	return (
		<form onSubmit={onSubmit}>
			<p>
				Ready: {received.version}, build {received.build}. The device restarts;
				when the new system does not come up, the one of now is put back.
			</p>
			{isOlder && (
				<label>
					<input name="older" type="checkbox" required /> This build is not
					newer than the installed one. Install it nevertheless.
				</label>
			)}
			{problem && <p role="alert">{problem}</p>}
			<button type="submit" class="main" disabled={sending}>
				Install and restart
			</button>
		</form>
	);
}

function inWords({
	state,
	version,
	build,
	fromVersion,
	fromBuild,
	reason,
}: UpdateStatus["history"][number]): string {
	const one = `${version} (build ${build})`;
	const before = `${fromVersion} (build ${fromBuild})`;
	if (state === "installed")
		return `${one} was installed in place of ${before}.`;
	if (state === "rolled-back")
		return `${one} was tried, and ${before} put back: ${reason}.`;
	return `${one} was not installed, ${before} stayed: ${reason}.`;
}
