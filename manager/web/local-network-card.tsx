import { post } from "./api.ts";
import { useForm } from "./form.ts";

/** From where the default passwords are valid. */
export function LocalNetworkCard({ isInside }: { isInside: boolean }) {
	const { onSubmit, sending, problem } = useForm(async () => {
		await post("sharedAddressSpaceChange", { isInside: !isInside });
	});
	return (
		<section class="card">
			<h2>Local network</h2>
			<p>
				Default passwords are valid from the local network only. 100.64.0.0/10
				{isInside ? " belongs to it." : " does not belong to it."}
			</p>
			<form onSubmit={onSubmit}>
				<button type="submit" disabled={sending}>
					{isInside ? "Exclude 100.64.0.0/10" : "Include 100.64.0.0/10"}
				</button>
				{problem && <p role="alert">{problem}</p>}
			</form>
		</section>
	);
}
