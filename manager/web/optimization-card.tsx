import type { OptimizationAnswer } from "../data/optimization-operations.ts";
import { post } from "./api.ts";
import { useForm } from "./form.ts";

const hours = Array.from({ length: 24 }, (_, hour) => hour);

/** When the databases are optimized, how it went last, and a button for now. */
export function OptimizationCard({
	optimization,
}: {
	optimization: OptimizationAnswer;
}) {
	const { hour, next, last } = optimization;
	const change = useForm(async (fields) => {
		await post("databaseOptimizationChange", {
			hour: Number(fields.get("hour")),
		});
	});
	const now = useForm(async () => {
		await post("databaseOptimize");
	});
	const isRunning = last !== undefined && last.endedAt === undefined;
	return (
		<section class="card">
			<h2>Database optimization</h2>
			<p role="status">
				{isRunning
					? "The databases are being optimized."
					: `Next on ${new Date(next).toLocaleString()}.`}
				{last?.endedAt && ` ${inWords(last.endedAt, last.failed)}`}
			</p>
			<form onSubmit={change.onSubmit}>
				<label>
					Each night, from this hour of local time on, and up to 7 hours later
					<select name="hour">
						{hours.map((one) => (
							<option key={one} value={one} selected={one === hour}>
								{`${one}:00`}
							</option>
						))}
					</select>
				</label>
				<button type="submit" class="main" disabled={change.sending}>
					Use this hour
				</button>
				{change.problem && <p role="alert">{change.problem}</p>}
			</form>
			<form onSubmit={now.onSubmit}>
				<button type="submit" disabled={now.sending || isRunning}>
					Optimize now
				</button>{" "}
				Nobody has to wait meanwhile.
				{now.problem && <p role="alert">{now.problem}</p>}
			</form>
		</section>
	);
}

function inWords(endedAt: string, failed: readonly string[]): string {
	const when = new Date(endedAt).toLocaleString();
	return failed.length === 0
		? `Last on ${when}.`
		: `Last on ${when}, without ${failed.join(", ")}: see the manager's log.`;
}
