import { post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

const limits = {
	databases: {
		title: "Database size",
		each: "Each database",
		effect: "a database becomes read-only",
		operation: "databaseLimitChange",
	},
	files: {
		title: "Files of apps",
		each: "The files of each app",
		effect: "an app cannot write files",
		operation: "fileLimitChange",
	},
} as const;

/** How much of the disk databases of instances, or files of apps, may take. */
export function DiskLimitCard({
	of,
	megabytes,
}: {
	of: keyof typeof limits;
	megabytes: number | null;
}) {
	const { title, each, effect, operation } = limits[of];
	const { onSubmit, problem, sending } = useForm(
		async (fields) => {
			const text = textOf(fields, "megabytes");
			await post(operation, {
				megabytes: text === "" ? null : Number(text),
			});
		},
		{ keepFields: true },
	);
	return (
		<section class="card">
			<h2>{title}</h2>
			<p role="status">
				{megabytes === null
					? `${each} may use half of the disk.`
					: `${each} may have ${megabytes} MB.`}
			</p>
			<form onSubmit={onSubmit}>
				<label>
					Limit in MB, at which {effect}
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
