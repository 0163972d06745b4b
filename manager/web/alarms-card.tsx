import type { AlarmsAnswer } from "../alarms/operations.ts";

/** What is wrong at the moment; nothing where all is well. */
export function AlarmsCard({ alarms }: AlarmsAnswer) {
	if (alarms.length === 0) return null;
	return (
		<section class="card" role="alert">
			<h2>Alarms</h2>
			<dl>
				{alarms.map((alarm) => (
					<>
						<dt key={`${alarm.service} ${alarm.instance} ${alarm.code}`}>
							{alarm.instance ?? alarm.service ?? "Manager"} ({alarm.severity})
						</dt>
						<dd title={alarm.details}>
							{alarm.text}, since {new Date(alarm.sinceMs).toLocaleString()}
						</dd>
					</>
				))}
			</dl>
		</section>
	);
}
