import { useEffect, useMemo } from "preact/hooks";
import { Connection } from "./connection.ts";
import { DeveloperCard } from "./developer-card.tsx";
import { InstancesCard } from "./instances-card.tsx";
import { useLive } from "./live.ts";
import { ServicesCard } from "./services-card.tsx";
import { StoreCard } from "./store-card.tsx";

/** Apps from the store to the instances that people use. */
export function AppsPage({ failed }: { failed: () => void }) {
	const connection = useMemo(() => new Connection(), []);
	useEffect(() => () => connection.close(), [connection]);
	const { value: services } = useLive(connection, "services", failed);
	const { value: instances } = useLive(connection, "instances", failed);
	if (!services || !instances) return null;
	return (
		<div class="cards">
			<InstancesCard
				instances={instances.instances}
				services={services.services}
			/>
			<ServicesCard services={services.services} />
			<StoreCard services={services} />
			<DeveloperCard />
		</div>
	);
}
