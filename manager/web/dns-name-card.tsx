import { post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

/** By which name people reach the machine: apps are told. */
export function DnsNameCard({ dnsName }: { dnsName: string | null }) {
	const { onSubmit, problem, sending } = useForm(
		async (fields) => {
			await post("dnsNameChange", {
				dnsName: textOf(fields, "dnsName") || null,
			});
		},
		{ keepFields: true },
	);
	return (
		<section class="card">
			<h2>DNS name</h2>
			<p role="status">
				{dnsName ? `Apps know ${dnsName}.` : "Apps know none."}
			</p>
			<form onSubmit={onSubmit}>
				<label>
					Name by which people reach this machine
					<input
						name="dnsName"
						placeholder="none if empty"
						defaultValue={dnsName ?? ""}
					/>
				</label>
				<button type="submit" class="main" disabled={sending}>
					Use this name
				</button>
				{problem && <p role="alert">{problem}</p>}
			</form>
		</section>
	);
}
