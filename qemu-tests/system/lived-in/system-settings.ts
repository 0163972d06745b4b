import { outputOf } from "../steps.ts";
import type { Trace } from "./trace.ts";

/** The keymaps, time zones and names of a machine's console, and its address. */
export const systemSettings: Trace = {
	async leave({ root, target }) {
		// The address that the tests' forwards lead to, which DHCP gives as well.
		await outputOf(
			root,
			"setip --addr=10.0.2.15 --mask=255.255.255.0 --gateway=10.0.2.2 --dns1=10.0.2.3 --dns2=192.0.2.53",
		);
		if (target === "x86_64") await outputOf(root, "loadkeys de");
		await outputOf(
			root,
			`echo CET-1CEST,M3.5.0,M10.5.0/3 >/mnt/sda2/system/timezone
			echo lived-in >/etc/hostname
			echo "192.0.2.7 pbx.example.com" >>/etc/hosts`,
		);
	},

	async found({ root }) {
		return {
			address: await outputOf(
				root,
				"ip -4 -o address show eth0 | awk '{ print $4 }'; ip route; cat /etc/resolv.conf",
			),
			name: await outputOf(root, "hostname; cat /etc/hostname /etc/hosts"),
			// Set by the login of admin, whose shell became root's.
			timeZone: await outputOf(root, 'echo "$TZ"'),
			keymap: await outputOf(root, "cat /mnt/sda2/system/keymap; true"),
		};
	},
};
