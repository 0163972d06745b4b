import { useEffect, useState } from "preact/hooks";
import { answerOf, post } from "./api.ts";
import { useForm } from "./form.ts";

/** For whoever writes apps: without a store. */
export function DeveloperCard() {
	const [isOn, setOn] = useState<boolean>();
	useEffect(() => {
		post("developerMode").then(
			(answer) => setOn(answer.isOn),
			() => {}, // The page itself says when the manager is away.
		);
	}, []);
	const mode = useForm(async () => {
		await post("developerModeChange", { isOn: !isOn });
		setOn(!isOn);
	});
	const upload = useForm(async (fields) => {
		await answerOf("app-archive", {
			headers: { "content-type": "application/x-tar" },
			body: fields.get("archive") as File,
		});
	});
	if (isOn === undefined) return null;
	return (
		<section class="card">
			<h2>Developer mode</h2>
			<form onSubmit={mode.onSubmit}>
				<button type="submit" disabled={mode.sending}>
					{isOn ? "Switch developer mode off" : "Switch developer mode on"}
				</button>
				{mode.problem && <p role="alert">{mode.problem}</p>}
			</form>
			{isOn && (
				<form onSubmit={upload.onSubmit}>
					<label>
						App as a tar archive
						<input name="archive" type="file" required accept=".tar" />
					</label>
					<button type="submit" disabled={upload.sending}>
						Upload and install
					</button>
					{upload.problem && <p role="alert">{upload.problem}</p>}
				</form>
			)}
		</section>
	);
}
