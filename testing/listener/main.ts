import { runService } from "../../sdk/index.ts";

// Answers with all that it was told, for tests.
const certificates: string[] = [];
const dnsNames: (string | null)[] = [];

const service = runService((instance) => {
	/** What an instance knows from its first moment on. */
	const atStart = { ...now() };
	instance.onRequest((_request, response) => {
		const heard = { atStart, now: now(), certificates, dnsNames };
		response.end(JSON.stringify({ pid: process.pid, ...heard }));
	});
});
service.onCertificateChanged((pem) => certificates.push(pem));
service.onDnsNameChanged(() => {
	throw new Error("who throws disturbs nobody");
});
service.onDnsNameChanged((name) => dnsNames.push(name ?? null));

function now() {
	const { certificates, dnsName } = service;
	return { certificates, dnsName };
}
