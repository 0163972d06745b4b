import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import type { Login } from "./login.ts";
import { setSystemPasswords } from "./system-passwords.ts";

const nothing = z.strictObject({});
/** Long enough for any passphrase; scrypt must not be fed with megabytes. */
const longestPassword = 256;
const shortestPassword = 8;

/** On one line for the command that sets it. */
const passwordForAll = z
	.string()
	.min(shortestPassword)
	.max(longestPassword)
	.refine((password) => !/\p{Cc}/u.test(password), {
		error: "no control characters",
	})
	.refine((password) => !["iplinux", "ipapps"].includes(password), {
		error: "must not be a default one",
	});

/** @param setPasswordsCommand gives root and admin the password on its standard input. */
export function loginOperations(login: Login, setPasswordsCommand: string) {
	return [
		defineOperation({
			name: "session",
			summary: "Whether the caller is logged in, and with the default password",
			permission: "everyone",
			input: nothing,
			output: z.object({ loggedIn: z.boolean(), defaultPassword: z.boolean() }),
			handle: async (_input, { session }) => ({
				loggedIn: session !== undefined,
				// Asked of the session first: that answers while the database is away.
				defaultPassword:
					session?.usedDefaultPassword ?? (await login.isDefaultPassword()),
			}),
		}),
		defineOperation({
			name: "login",
			summary: "Begins a session",
			permission: "everyone",
			onlyOverHttp: true,
			input: z.strictObject({ password: z.string().max(longestPassword) }),
			output: nothing,
			async handle({ password }, caller) {
				caller.keepToken(await login.logIn(password, caller.address));
				return {};
			},
		}),
		defineOperation({
			name: "logout",
			summary: "Ends the session",
			permission: "everyone",
			onlyOverHttp: true,
			input: nothing,
			output: nothing,
			handle(_input, caller) {
				if (caller.session !== undefined) login.logOut(caller.session);
				caller.keepToken(undefined);
				return {};
			},
		}),
		defineOperation({
			name: "changePassword",
			summary: "Changes the password and ends all other sessions",
			permission: "administrator",
			tokens: "never",
			onlyOverHttp: true,
			input: z.strictObject({
				currentPassword: z.string().max(longestPassword),
				newPassword: z.string().min(shortestPassword).max(longestPassword),
			}),
			output: nothing,
			async handle({ currentPassword, newPassword }, caller) {
				caller.keepToken(
					await login.changePassword(
						currentPassword,
						newPassword,
						caller.address,
					),
				);
				return {};
			},
		}),
		defineOperation({
			name: "changeAllPasswords",
			summary:
				"Gives the manager, root and admin one new password, as an INSTALL does",
			permission: "administrator",
			tokens: "never",
			onlyOverHttp: true,
			input: z.strictObject({
				currentPassword: z.string().max(longestPassword),
				newPassword: passwordForAll,
			}),
			output: nothing,
			async handle({ currentPassword, newPassword }, caller) {
				caller.keepToken(
					await login.changePassword(
						currentPassword,
						newPassword,
						caller.address,
						(password) => setSystemPasswords(setPasswordsCommand, password),
					),
				);
				return {};
			},
		}),
		defineOperation({
			name: "appWebsocketLogin",
			summary: "Whether the password counts for AppWebsocket, at /manager",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: z.object({ allowed: z.boolean() }),
			handle: async () => ({ allowed: await login.areDigestsAllowed() }),
		}),
		defineOperation({
			name: "appWebsocketLoginChange",
			summary:
				"Switches logins by AppWebsocket on (the password is kept encrypted) or off",
			permission: "administrator",
			tokens: "never",
			input: z.strictObject({ allowed: z.boolean() }),
			output: nothing,
			async handle({ allowed }) {
				await login.allowDigests(allowed);
				return {};
			},
		}),
	];
}
