import {
	type Logins,
	loginsOf,
	logins as original,
	outputOf,
	post,
	setLoginsOf,
} from "../steps.ts";
import type { Fixture } from "./fixture.ts";

/** The passwords that the owner has chosen, each a different one. */
export const ownLogins: Logins = {
	root: ["root", "its $owner's 1st"],
	admin: ["admin", 'the "gate" & 2 keys'],
	manager: "eigenes Gerät & Co. 3",
};

/** All three passwords, tried at every login. */
export const logins: Fixture = {
	async create({ machine, root, call }) {
		for (const [user, password] of [ownLogins.root, ownLogins.admin]) {
			root.send(`passwd ${user}\n`);
			for (const _time of [1, 2]) {
				await root.expect(/(New|Retype).*password: */);
				root.send(`${password}\n`);
			}
			await root.expect(/# *$/);
		}
		const { manager: currentPassword } = loginsOf(machine);
		const newPassword = ownLogins.manager;
		await call("changePassword", { currentPassword, newPassword });
		setLoginsOf(machine, ownLogins);
	},

	async read({ machine, root }) {
		const isRefused = async (user: string, password: string) =>
			machine.ssh(user, password).then(
				(ssh) => {
					ssh.close();
					return false;
				},
				(error: Error) => /authentication methods failed/i.test(error.message),
			);
		const session = await machine.fetch("https", "/manager/api/session", {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: "{}",
		});
		const login = (password: string) =>
			post(machine, "login", { body: JSON.stringify({ password }) });
		return {
			rootBySu: (await outputOf(root, "id -un")).trim(),
			isDefaultAdminRefused: await isRefused(...original.admin),
			isRootBySshRefused: await isRefused(...ownLogins.root),
			manager: (await login(ownLogins.manager)).status,
			defaultManager: (await login("pwd")).status,
			session: await session.json(),
		};
	},
};
