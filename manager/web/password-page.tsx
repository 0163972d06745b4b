import { post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

export function PasswordPage({ done }: { done: () => void }) {
	const { onSubmit, problem, sending } = useForm(async (fields) => {
		if (fields.get("new") !== fields.get("repeated"))
			throw new Error("The two new passwords differ.");
		const passwords = {
			currentPassword: textOf(fields, "current"),
			newPassword: textOf(fields, "new"),
		};
		const system = textOf(fields, "system");
		if (fields.get("all") === "on")
			await post("changeAllPasswords", {
				...passwords,
				...(system && { currentSystemPassword: system }),
			});
		else await post("changePassword", passwords);
		done();
	});
	return (
		<form class="card narrow" onSubmit={onSubmit}>
			<h2>Change password</h2>
			<label>
				Current password
				<input
					name="current"
					type="password"
					autocomplete="current-password"
					autofocus
					required
				/>
			</label>
			<label>
				New password (8 characters or more)
				<input
					name="new"
					type="password"
					autocomplete="new-password"
					minLength={8}
					required
				/>
			</label>
			<label>
				New password again
				<input
					name="repeated"
					type="password"
					autocomplete="new-password"
					minLength={8}
					required
				/>
			</label>
			<label>
				<input name="all" type="checkbox" /> Also for root and admin, on the
				console and by SSH
			</label>
			<label>
				Current password of root, if you have set another one than the manager's
				<input name="system" type="password" autocomplete="off" />
			</label>
			{problem && <p role="alert">{problem}</p>}
			<button type="submit" class="main" disabled={sending}>
				Change password
			</button>
			<button type="button" onClick={done}>
				Cancel
			</button>
		</form>
	);
}
