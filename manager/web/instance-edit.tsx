import { useState } from "preact/hooks";
import type { InstanceStatus } from "../app-hosting/instances/status.ts";
import { formatBytes } from "../shared/format.ts";
import { post } from "./api.ts";
import { useForm } from "./form.ts";
import {
	InstanceFields,
	instanceInput,
	tryDatabase,
} from "./instance-fields.tsx";

/** Everything that can be changed of an instance, and what is done with its database. */
export function InstanceEdit({ instance }: { instance: InstanceStatus }) {
	const { id } = instance;
	const [tried, setTried] = useState<string>();
	const change = useForm(async (fields, button) => {
		const made = madeUp(fields);
		const input = { id, ...instanceInput(fields), ...made };
		setTried(undefined);
		if (button === "try") setTried(await tryDatabase(input));
		else await post("instanceEdit", input);
	});
	const cleanUp = useForm(async () => {
		await post("instanceCleanUpDatabase", { id });
	});
	return (
		<details>
			<summary>Edit</summary>
			<form onSubmit={change.onSubmit}>
				<InstanceFields instance={instance} />
				<label>
					<input type="checkbox" name="madeUp" value="password" /> A new random
					password
				</label>
				<label>
					<input type="checkbox" name="madeUp" value="databasePassword" /> A new
					random database password
				</label>
				<button type="submit" class="main" disabled={change.sending}>
					Change; it starts anew
				</button>
				<button type="submit" value="try" disabled={change.sending}>
					Try the database
				</button>
				{tried && <p role="status">{tried}</p>}
				{change.problem && <p role="alert">{change.problem}</p>}
			</form>
			{!instance.externalHost && (
				<form onSubmit={cleanUp.onSubmit}>
					<CleanUpState cleanUp={instance.cleanUp} />
					<button
						type="submit"
						disabled={cleanUp.sending || instance.cleanUp?.state === "running"}
					>
						Clean up database
					</button>{" "}
					The app waits meanwhile.
					{cleanUp.problem && <p role="alert">{cleanUp.problem}</p>}
				</form>
			)}
		</details>
	);
}

/** Takes the ticks out of the fields; null asks for a new random password. */
function madeUp(fields: FormData): Record<string, null> {
	const wanted = fields.getAll("madeUp").map((name) => [name, null]);
	fields.delete("madeUp");
	return Object.fromEntries(wanted);
}

function CleanUpState({ cleanUp }: { cleanUp: InstanceStatus["cleanUp"] }) {
	if (!cleanUp) return null;
	const { state, tables, tablesDone, sizeBeforeBytes, text } = cleanUp;
	if (state === "running")
		return (
			<p>
				<progress value={tablesDone} max={tables} /> {tablesDone} of {tables}{" "}
				tables
			</p>
		);
	const sizes = `${formatBytes(sizeBeforeBytes)} before, ${formatBytes(cleanUp.sizeAfterBytes ?? sizeBeforeBytes)} after`;
	return (
		<p>
			Last time: {sizes}
			{text && `; ${text}`}
		</p>
	);
}
