import type { JobStatus } from "../jobs/jobs.ts";
import { formatBytes } from "../shared/format.ts";
import { post } from "./api.ts";
import { useForm } from "./form.ts";

const titles: Record<JobStatus["kind"], string> = {
	appInstall: "Installation of an app",
	updateDownload: "Download of an update",
	updateUpload: "Upload of an update",
	updateCheck: "Check of an update",
	updateInstall: "Installation of an update",
	databaseCleanUp: "Clean-up of a database",
	databaseOptimization: "Optimization of the databases",
	certificateOrder: "Order of a certificate",
};

/** The long work in progress and the last that has ended. */
export function JobsCard({ jobs }: { jobs: readonly JobStatus[] }) {
	return (
		<section class="card">
			<h2>Jobs</h2>
			<ul>
				{jobs.map((job) => (
					<li key={job.id}>
						<JobRow job={job} />
					</li>
				))}
			</ul>
		</section>
	);
}

function JobRow({ job }: { job: JobStatus }) {
	const { kind, subject, state, step, done, total, unit, problem } = job;
	const cancellation = useForm(async () => {
		await post("jobCancel", { id: job.id });
	});
	const amount = (value: number) =>
		unit === "bytes" ? formatBytes(value) : String(value);
	return (
		<form onSubmit={cancellation.onSubmit}>
			{titles[kind]}
			{subject && ` (${subject})`}: {state}
			{state === "running" && step && `, ${step}`}{" "}
			{state === "running" && done !== undefined && (
				<>
					{total !== undefined && <progress value={done} max={total || 1} />}{" "}
					{amount(done)}
					{total !== undefined && ` of ${amount(total)}`}
				</>
			)}{" "}
			{job.isCancellable && (
				<button type="submit" disabled={cancellation.sending}>
					Cancel
				</button>
			)}
			{problem && `: ${problem}`}
			{cancellation.problem && <p role="alert">{cancellation.problem}</p>}
		</form>
	);
}
