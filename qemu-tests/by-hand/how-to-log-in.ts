import type { Machine } from "../machine/index.ts";
import { logins, managerPassword } from "../system/steps.ts";

/** A machine's addresses on this host, and the factory's passwords. */
export function howToLogIn(machine: Machine): string {
	const [admin, password] = logins.admin;
	const [root, rootPassword] = logins.root;
	return `
  ${machine.url("https")}/manager/   password: ${managerPassword}
  ssh -p ${machine.port(22)} ${admin}@127.0.0.1   password: ${password}
  On the console: ${root}, password: ${rootPassword}. All as long as nobody has changed them.
`;
}
