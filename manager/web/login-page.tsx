import { post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

export function LoginPage({ loggedIn }: { loggedIn: () => Promise<void> }) {
	const { onSubmit, problem, sending } = useForm(async (fields) => {
		await post("login", { password: textOf(fields, "password") });
		await loggedIn();
	});
	return (
		<form class="card narrow" onSubmit={onSubmit}>
			<h2>Log in</h2>
			<label>
				Password
				<input
					name="password"
					type="password"
					autocomplete="current-password"
					autofocus
					required
				/>
			</label>
			{problem && <p role="alert">{problem}</p>}
			<button type="submit" class="main" disabled={sending}>
				Log in
			</button>
		</form>
	);
}
