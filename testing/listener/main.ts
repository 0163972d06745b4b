import { runService } from "../../sdk/index.ts";

// Answers with all messages it received, for tests.
const certificates: string[] = [];
const dnsNames: (string | null)[] = [];

const service = runService((instance) => {
	/** What an instance knows when it starts. */
	const atStart = { ...now() };
	instance.onRequest((_request, response) => {
		const received = { atStart, now: now(), certificates, dnsNames };
		response.end(JSON.stringify({ pid: process.pid, ...received }));
	});
});
service.onCertificateChanged((pem) => certificates.push(pem));
service.onDnsNameChanged(() => {
	throw new Error("other listeners are still called");
});
service.onDnsNameChanged((name) => dnsNames.push(name ?? null));

function now() {
	const { certificates, dnsName } = service;
	return { certificates, dnsName };
}
