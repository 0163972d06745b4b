import { useState } from "preact/hooks";
import type { CertificateAnswer } from "../device/certificate/operations.ts";
import { post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

type Facts = NonNullable<CertificateAnswer["certificate"]>;

const sources = {
	default: "the device's own, which browsers warn of",
	upload: "uploaded",
	acme: "issued by ACME",
};

/** What the web server shows to browsers, and the ways to change it. */
export function CertificateCard({
	certificate,
}: {
	certificate: Facts | undefined;
}) {
	// The private key does not stay on the page.
	const [uploads, setUploads] = useState(0);
	const upload = useForm(async (fields) => {
		const file = fields.get("file");
		const isChosen = file instanceof File && file.size > 0;
		const pem = isChosen ? await file.text() : textOf(fields, "text");
		if (!pem) throw new Error("Choose a file or paste its text first.");
		await post("certificateUpload", { pem });
		setUploads((before) => before + 1);
	});
	const back = useForm(async () => {
		await post("certificateDefault");
	});
	return (
		<section class="card">
			<h2>Certificate of the web server</h2>
			{certificate ? <Description {...certificate} /> : <p>None.</p>}
			<form key={uploads} onSubmit={upload.onSubmit}>
				<label>
					File with certificate, intermediates and private key (PEM)
					<input name="file" type="file" />
				</label>
				<label>
					or its text
					<textarea
						name="text"
						rows={4}
						autocomplete="off"
						spellcheck={false}
					/>
				</label>
				<button type="submit" class="main" disabled={upload.sending}>
					Use this certificate
				</button>
				{upload.problem && <p role="alert">{upload.problem}</p>}
			</form>
			{certificate && !certificate.isDefault && (
				<form onSubmit={back.onSubmit}>
					<button type="submit" disabled={back.sending}>
						Back to the device's own certificate
					</button>
					{back.problem && <p role="alert">{back.problem}</p>}
				</form>
			)}
		</section>
	);
}

function Description(certificate: Facts) {
	const { warning, chain } = certificate;
	return (
		<>
			{warning && <p role="alert">{warning}</p>}
			<dl>
				<dt>Origin</dt>
				<dd>{sources[certificate.source]}</dd>
				<dt>Names</dt>
				<dd>{certificate.names.join(", ")}</dd>
				<dt>Subject</dt>
				<dd>{certificate.subject}</dd>
				<dt>Issuer</dt>
				<dd>{certificate.issuer}</dd>
				{chain.map((one) => (
					<>
						<dt key={one.subject}>Intermediate</dt>
						<dd>{one.subject}</dd>
					</>
				))}
				<dt>Valid</dt>
				<dd>
					{date(certificate.validFrom)} to {date(certificate.validUntil)} (
					{certificate.daysLeft} days left)
				</dd>
				<dt>SHA-256</dt>
				<dd>{certificate.fingerprint}</dd>
			</dl>
		</>
	);
}

function date(text: string): string {
	return new Date(text).toLocaleDateString();
}
