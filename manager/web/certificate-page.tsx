import { useEffect, useMemo } from "preact/hooks";
import { AcmeCard } from "./acme-card.tsx";
import { CertificateCard } from "./certificate-card.tsx";
import { Connection } from "./connection.ts";
import { useLive } from "./live.ts";

/** The web server's certificate, and who renews it. */
export function CertificatePage({ failed }: { failed: () => void }) {
	const connection = useMemo(() => new Connection(), []);
	useEffect(() => () => connection.close(), [connection]);
	const { value } = useLive(connection, "certificate", failed);
	const { value: acme } = useLive(connection, "acmeStatus", failed);
	if (!value || !acme) return null;
	return (
		<div class="cards">
			<CertificateCard certificate={value.certificate} />
			<AcmeCard acme={acme} names={value.certificate?.names ?? []} />
		</div>
	);
}
