export function DefaultPasswordNotice() {
	return (
		<p role="status" class="notice warning">
			The default password is still in use. Anybody on the local network can log
			in with it; from outside nobody can log in. Please change it.
		</p>
	);
}
