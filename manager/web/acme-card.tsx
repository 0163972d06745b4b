import type { AcmeAnswer } from "../device/certificate/acme/operations.ts";
import { post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory";

/**
 * A certificate from an authority that renews it.
 * @param names of the certificate in use, offered where none were given before.
 */
export function AcmeCard({
	acme,
	names,
}: {
	acme: AcmeAnswer;
	names: string[];
}) {
	const enable = useForm(async (fields) => {
		if (fields.get("terms") !== "on")
			throw new Error("Agree to the authority's terms of service first.");
		await post("acmeEnable", {
			directoryUrl: textOf(fields, "directory"),
			email: textOf(fields, "email"),
			names: String(fields.get("names"))
				.split(/[\s,]+/)
				.filter(Boolean),
			termsOfServiceAgreed: true,
		});
	});
	const disable = useForm(async () => {
		await post("acmeDisable");
	});
	return (
		<section class="card">
			<h2>Automatic certificate (ACME)</h2>
			<p role="status">{inWords(acme)}</p>
			{acme.problem && <p role="alert">{acme.problem}</p>}
			<form onSubmit={enable.onSubmit}>
				<label>
					Host names, which lead to port 80 of this device
					<input
						name="names"
						required
						defaultValue={(acme.names ?? names).join(" ")}
					/>
				</label>
				<label>
					E-mail address, for the authority
					<input name="email" type="email" defaultValue={acme.email ?? ""} />
				</label>
				<label>
					Directory of the authority
					<input
						name="directory"
						type="url"
						required
						defaultValue={acme.directoryUrl ?? letsEncrypt}
					/>
				</label>
				<label>
					<input name="terms" type="checkbox" required /> I accept the
					authority's terms of service
				</label>
				<button
					type="submit"
					class="main"
					disabled={enable.sending || acme.state === "ordering"}
				>
					Order now and renew
				</button>
				{enable.problem && <p role="alert">{enable.problem}</p>}
			</form>
			{acme.state !== "off" && (
				<form onSubmit={disable.onSubmit}>
					<button type="submit" disabled={disable.sending}>
						Renew no more
					</button>
					{disable.problem && <p role="alert">{disable.problem}</p>}
				</form>
			)}
		</section>
	);
}

function inWords({ state, names = [], nextOrderAt = "" }: AcmeAnswer): string {
	if (state === "off") return "Off.";
	const list = names.join(", ");
	if (state === "ordering") return `Ordering a certificate for ${list} …`;
	return `For ${list}: the next order is on ${new Date(nextOrderAt).toLocaleString()}.`;
}
