import { useCallback, useEffect, useState } from "preact/hooks";
import { type Failure, post } from "./api.ts";
import { useForm } from "./form.ts";

/** Whether PBX and clients get in with the manager's password. */
export function AppWebsocketCard() {
	const [allowed, setAllowed] = useState<boolean>();
	const [failed, setFailed] = useState<string>();
	const look = useCallback(async () => {
		try {
			const answer = await post("appWebsocketLogin");
			setAllowed(answer.allowed);
			setFailed(undefined);
		} catch (failure) {
			setFailed((failure as Failure).message);
		}
	}, []);
	useEffect(() => void look(), [look]);
	const { onSubmit, problem, sending } = useForm(async () => {
		await post("appWebsocketLoginChange", { allowed: !allowed });
		await look();
	});
	return (
		<section class="card">
			<h2>AppWebsocket</h2>
			{failed && <p role="alert">{failed}</p>}
			{allowed !== undefined && (
				<form onSubmit={onSubmit}>
					<p>
						{allowed
							? "PBX and clients may log in at /manager with the manager's password, which is kept encrypted for that."
							: "Nobody may log in by AppWebsocket. Once switched on, it works after your next login here."}
					</p>
					<button type="submit" disabled={sending}>
						Switch {allowed ? "off" : "on"}
					</button>
					{problem && <p role="alert">{problem}</p>}
				</form>
			)}
		</section>
	);
}
