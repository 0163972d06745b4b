import type { Machine } from "../machine/index.ts";
import { logins, managerPassword } from "../system/steps.ts";

/** Returns a machine's addresses on this host and the default passwords. */
export function loginHelp(machine: Machine): string {
	const [admin, password] = logins.admin;
	const [root, rootPassword] = logins.root;
	return `
  ${machine.url("https")}/manager/   password: ${managerPassword}
  ssh -p ${machine.port(22)} ${admin}@127.0.0.1   password: ${password}
  On the console: ${root}, password: ${rootPassword}. These are the default passwords.
`;
}
