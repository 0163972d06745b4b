import { useState } from "preact/hooks";
import type { PastAlarmsAnswer } from "../alarms/operations.ts";
import { type Failure, post } from "./api.ts";

/** What was wrong before, once somebody wants to see it. */
export function PastAlarmsCard() {
	const [alarms, setAlarms] = useState<PastAlarmsAnswer["alarms"]>();
	const [problem, setProblem] = useState<string>();
	async function look() {
		try {
			setAlarms((await post("pastAlarms")).alarms);
			setProblem(undefined);
		} catch (failure) {
			setProblem((failure as Failure).message);
		}
	}
	return (
		<section class="card">
			<h2>Past alarms</h2>
			<details onToggle={(event) => void (event.currentTarget.open && look())}>
				<summary>Show the last ones</summary>
				{problem && <p role="alert">{problem}</p>}
				{alarms?.length === 0 && <p>There were none.</p>}
				<dl>
					{alarms?.map((alarm) => (
						<>
							<dt key={`${alarm.service} ${alarm.code} ${alarm.endedMs}`}>
								{new Date(alarm.sinceMs).toLocaleString()} to{" "}
								{new Date(alarm.endedMs).toLocaleString()}
							</dt>
							<dd title={alarm.details}>
								{alarm.instance ?? alarm.service ?? "Manager"}: {alarm.text}
							</dd>
						</>
					))}
				</dl>
			</details>
		</section>
	);
}
