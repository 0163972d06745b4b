import { useEffect, useMemo } from "preact/hooks";
import { Connection } from "./connection.ts";
import { DiskLimitCard } from "./disk-limit-card.tsx";
import { DnsNameCard } from "./dns-name-card.tsx";
import { useLive } from "./live.ts";
import { LocalNetworkCard } from "./local-network-card.tsx";
import { ManagerAddressCard } from "./manager-address-card.tsx";
import { OptimizationCard } from "./optimization-card.tsx";

/** What is set once for the whole machine. */
export function SettingsPage({ failed }: { failed: () => void }) {
	const connection = useMemo(() => new Connection(), []);
	useEffect(() => () => connection.close(), [connection]);
	const { value: name } = useLive(connection, "dnsName", failed);
	const { value: host } = useLive(connection, "managerHostName", failed);
	const { value: shared } = useLive(connection, "managerOnAppOrigin", failed);
	const { value: optimization } = useLive(
		connection,
		"databaseOptimization",
		failed,
	);
	const { value: network } = useLive(connection, "sharedAddressSpace", failed);
	const { value: limit } = useLive(connection, "databaseLimit", failed);
	const { value: fileLimit } = useLive(connection, "fileLimit", failed);
	if (!name || !host || !shared || !optimization || !network) return null;
	if (!limit || !fileLimit) return null;
	return (
		<div class="cards">
			<DnsNameCard dnsName={name.dnsName} />
			<ManagerAddressCard
				hostName={host.hostName}
				isOnAppOrigin={shared.isOn}
			/>
			<OptimizationCard optimization={optimization} />
			<DiskLimitCard of="databases" megabytes={limit.megabytes} />
			<DiskLimitCard of="files" megabytes={fileLimit.megabytes} />
			<LocalNetworkCard isInside={network.isInside} />
		</div>
	);
}
