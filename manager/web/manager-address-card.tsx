import { post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

/** Where the manager's page is. */
export function ManagerAddressCard({
	hostName,
	isOnAppOrigin,
}: {
	hostName: string | null;
	isOnAppOrigin: boolean;
}) {
	const { onSubmit, problem, sending } = useForm(
		async (fields) => {
			await post("managerHostNameChange", {
				hostName: textOf(fields, "hostName") || null,
			});
			await post("managerOnAppOriginChange", {
				isOn: fields.get("onAppOrigin") === "on",
			});
		},
		{ keepFields: true },
	);
	return (
		<section class="card">
			<h2>Manager's address</h2>
			<form onSubmit={onSubmit}>
				<label>
					Host name that leads to the manager alone, not to apps
					<input
						name="hostName"
						placeholder="none if empty: the manager has its own port"
						defaultValue={hostName ?? ""}
					/>
				</label>
				<label>
					<input
						name="onAppOrigin"
						type="checkbox"
						defaultChecked={isOnAppOrigin}
					/>{" "}
					Serve the manager on port 443 together with the apps. Pages of apps
					can then do everything that a logged-in administrator can.
				</label>
				<button type="submit" class="main" disabled={sending}>
					Save
				</button>
				{problem && <p role="alert">{problem}</p>}
			</form>
		</section>
	);
}
