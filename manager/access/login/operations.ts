import * as z from "zod";
import type { Caller } from "../../operations/caller.ts";
import { defineOperation } from "../../operations/operation.ts";
import { OperationError } from "../../shared/operation-error.ts";
import {
	type RootCommandError,
	runRootCommand,
} from "../../shared/root-command.ts";
import type { Login, LoginTokens } from "./login.ts";

const nothing = z.strictObject({});
/** Long enough for any passphrase; scrypt must not hash megabytes. */
const maxPasswordLength = 256;
const minPasswordLength = 8;

/** The command that sets it reads lines. */
const line = z
	.string()
	.max(maxPasswordLength)
	.refine((password) => !/\p{Cc}/u.test(password), {
		error: "no control characters",
	});
const systemPassword = line
	.min(minPasswordLength)
	.refine((password) => !["iplinux", "ipapps"].includes(password), {
		error: "must not be a default password",
	});

/** The exit status of the command that sets passwords if it does not accept the current one. */
const wrongPasswordStatus = 3;

/** @param setPasswordsCommand sets root's and admin's password; it reads the new and the current one from standard input. */
export function loginOperations(login: Login, setPasswordsCommand: string) {
	return [
		defineOperation({
			name: "session",
			summary:
				"Returns whether the caller is logged in and whether the default password is in use",
			permission: "everyone",
			input: nothing,
			output: z.object({ loggedIn: z.boolean(), defaultPassword: z.boolean() }),
			handle: async (_input, { session }) => ({
				loggedIn: session !== undefined,
				// The session first: it knows the answer even while the database is unavailable.
				defaultPassword:
					session?.usedDefaultPassword ?? (await login.isDefaultPassword()),
			}),
		}),
		defineOperation({
			name: "login",
			summary: "Logs in and starts a session",
			permission: "everyone",
			onlyOverHttp: true,
			input: z.strictObject({ password: z.string().max(maxPasswordLength) }),
			output: nothing,
			async handle({ password }, caller) {
				keepTokens(caller, await login.logIn(password, caller));
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
				currentPassword: z.string().max(maxPasswordLength),
				newPassword: z.string().min(minPasswordLength).max(maxPasswordLength),
			}),
			output: nothing,
			async handle({ currentPassword, newPassword }, caller) {
				keepTokens(
					caller,
					await login.changePassword(currentPassword, newPassword, caller),
				);
				return {};
			},
		}),
		defineOperation({
			name: "changeAllPasswords",
			summary:
				"Sets one new password for the manager, root and admin, as an INSTALL does",
			permission: "administrator",
			tokens: "never",
			onlyOverHttp: true,
			input: z.strictObject({
				currentPassword: z.string().max(maxPasswordLength),
				newPassword: systemPassword,
				currentSystemPassword: line
					.optional()
					.describe(
						"The current password of root, if it is neither a default one nor the manager's",
					),
			}),
			output: nothing,
			async handle(
				{ currentPassword, newPassword, currentSystemPassword },
				caller,
			) {
				keepTokens(
					caller,
					await login.changePassword(
						currentPassword,
						newPassword,
						caller,
						(password) =>
							setSystemPasswords(
								setPasswordsCommand,
								password,
								currentSystemPassword ?? currentPassword,
							),
					),
				);
				return {};
			},
		}),
		defineOperation({
			name: "appWebsocketLogin",
			summary: "Returns whether AppWebsocket clients can log in at /manager",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: z.object({ allowed: z.boolean() }),
			handle: async () => ({ allowed: await login.isDigestLoginAllowed() }),
		}),
		defineOperation({
			name: "appWebsocketLoginChange",
			summary:
				"Enables AppWebsocket logins (stores the password encrypted) or disables them",
			permission: "administrator",
			tokens: "never",
			input: z.strictObject({ allowed: z.boolean() }),
			output: nothing,
			async handle({ allowed }) {
				await login.setDigestLoginAllowed(allowed);
				return {};
			},
		}),
	];
}

function keepTokens(caller: Caller, { session, browser }: LoginTokens): void {
	caller.keepToken(session);
	caller.keepBrowser(browser);
}

/**
 * Sets the password of root and admin without showing it on a command line.
 * @throws OperationError with the command's error output.
 */
async function setSystemPasswords(
	command: string,
	password: string,
	currentPassword: string,
): Promise<void> {
	await runRootCommand(command, [], {
		text: `${password}\n${currentPassword}\n`,
	}).catch((error: RootCommandError) => {
		if (error.exitCode === wrongPasswordStatus)
			throw new OperationError(
				"forbidden",
				"wrongSystemPassword",
				"The password of root is another one than the manager's. Enter the current password of root as well.",
				{ cause: error },
			);
		throw new OperationError("failed", "passwordsNotSet", error.message, {
			cause: error,
		});
	});
}
