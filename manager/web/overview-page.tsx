import { useEffect, useMemo } from "preact/hooks";
import type { DatabaseStatus } from "../data/operations.ts";
import type { SystemStatus } from "../device/system/operations.ts";
import { formatBytes, formatDuration } from "../shared/format.ts";
import { AlarmsCard } from "./alarms-card.tsx";
import { Connection } from "./connection.ts";
import { JobsCard } from "./jobs-card.tsx";
import { useLive } from "./live.ts";
import { PastAlarmsCard } from "./past-alarms-card.tsx";
import { Usage } from "./usage.tsx";

export function OverviewPage({ failed }: { failed: () => void }) {
	const connection = useMemo(() => new Connection(), []);
	useEffect(() => () => connection.close(), [connection]);
	const system = useLive(connection, "systemStatus", failed);
	const database = useLive(connection, "databaseStatus", failed);
	const alarms = useLive(connection, "alarms", failed);
	const jobs = useLive(connection, "jobs", failed);
	const problem = system.problem ?? database.problem;
	return (
		<>
			{problem && (
				<p role="alert" class="notice">
					{problem} The figures below are the last ones known.
				</p>
			)}
			<div class="cards">
				{alarms.value && <AlarmsCard {...alarms.value} />}
				{system.value && <SystemCards status={system.value} />}
				{database.value && <DatabaseCard status={database.value} />}
				{jobs.value && jobs.value.jobs.length > 0 && (
					<JobsCard jobs={jobs.value.jobs} />
				)}
				<PastAlarmsCard />
			</div>
		</>
	);
}

function SystemCards({ status }: { status: SystemStatus }) {
	const { manager, release, cpu, memory, disks } = status;
	const usedBytes = memory.sizeBytes - memory.availableBytes;
	return (
		<>
			<section class="card">
				<h2>System</h2>
				<dl>
					<dt>Image</dt>
					<dd>
						{release
							? `${release.version}, build ${release.build}, ${release.target}`
							: "none (development)"}
					</dd>
					<dt>Manager</dt>
					<dd>
						{manager.version}, build {manager.build}
					</dd>
					<dt>Uptime</dt>
					<dd>{formatDuration(status.uptimeSeconds)}</dd>
					<dt>Manager up for</dt>
					<dd>{formatDuration(manager.uptimeSeconds)}</dd>
				</dl>
			</section>
			<section class="card">
				<h2>CPU and memory</h2>
				<Usage
					name={`CPU (${cpu.cores} ${cpu.cores === 1 ? "core" : "cores"})`}
					percent={cpu.busyPercent}
				/>
				<Usage
					name="Memory"
					percent={(100 * usedBytes) / memory.sizeBytes}
					detail={`${formatBytes(usedBytes)} of ${formatBytes(memory.sizeBytes)}`}
				/>
			</section>
			<section class="card">
				<h2>Disk</h2>
				{disks.map((disk) => (
					<Usage
						key={disk.mountPoint}
						name={disk.mountPoint}
						percent={(100 * disk.usedBytes) / disk.sizeBytes}
						detail={`${formatBytes(disk.freeBytes)} free of ${formatBytes(disk.sizeBytes)}`}
					/>
				))}
			</section>
		</>
	);
}

function DatabaseCard({ status }: { status: DatabaseStatus }) {
	return (
		<section class="card">
			<h2>PostgreSQL</h2>
			{status.reachable ? (
				<dl>
					<dt>State</dt>
					<dd>running</dd>
					<dt>Version</dt>
					<dd>{status.version}</dd>
					<dt>Connections</dt>
					<dd>
						{status.connections} of {status.maxConnections}
					</dd>
					{status.databases.map(({ name, sizeBytes }) => (
						<>
							<dt key={name}>Database {name}</dt>
							<dd>{formatBytes(sizeBytes)}</dd>
						</>
					))}
				</dl>
			) : (
				<p role="alert">
					Not reachable: {status.reason}. The manager keeps trying.
				</p>
			)}
		</section>
	);
}
