import { post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

/** How large the databases of instances may become. */
export function DatabaseLimitCard({ megabytes }: { megabytes: number | null }) {
	const { onSubmit, problem, sending } = useForm(
		async (fields) => {
			const text = textOf(fields, "megabytes");
			await post("databaseLimitChange", {
				megabytes: text === "" ? null : Number(text),
			});
		},
		{ keepFields: true },
	);
	return (
		<section class="card">
			<h2>Database size</h2>
			<p role="status">
				{megabytes === null
					? "Each database may use half of the disk."
					: `Each database may have ${megabytes} MB.`}
			</p>
			<form onSubmit={onSubmit}>
				<label>
					Limit in MB, at which a database becomes read-only
					<input
						name="megabytes"
						type="number"
						min={16}
						placeholder="half of the disk if empty"
						defaultValue={megabytes ?? ""}
					/>
				</label>
				<button type="submit" class="main" disabled={sending}>
					Save limit
				</button>
				{problem && <p role="alert">{problem}</p>}
			</form>
		</section>
	);
}
