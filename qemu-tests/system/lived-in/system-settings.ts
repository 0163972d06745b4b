import { outputOf } from "../steps.ts";
import type { Fixture } from "./fixture.ts";

/** Keymap, time zone, host names and address. */
export const systemSettings: Fixture = {
	async create({ root, target }) {
		// The forwards of the tests lead to this address, which DHCP assigns as well.
		await outputOf(
			root,
			// Over SSH, newer systems want a confirmation.
			`setip --addr=10.0.2.15 --mask=255.255.255.0 --gateway=10.0.2.2 --dns1=10.0.2.3 --dns2=192.0.2.53
			! setip --help | grep -q confirm || setip --confirm`,
		);
		if (target === "x86_64") await outputOf(root, "loadkeys de");
		await outputOf(
			root,
			`echo CET-1CEST,M3.5.0,M10.5.0/3 >/mnt/sda2/system/timezone
			echo lived-in >/etc/hostname
			echo "192.0.2.7 pbx.example.com" >>/etc/hosts`,
		);
	},

	async read({ root }) {
		return {
			address: await outputOf(
				root,
				// Newer systems add the DNS servers of IPv6 routers.
				"ip -4 -o address show eth0 | awk '{ print $4 }'; ip route; grep 'nameserver .*[.]' /etc/resolv.conf",
			),
			name: await outputOf(root, "hostname; cat /etc/hostname /etc/hosts"),
			// Set by the login of admin, which the shell of root inherits.
			timeZone: await outputOf(root, 'echo "$TZ"'),
			keymap: await outputOf(root, "cat /mnt/sda2/system/keymap; true"),
		};
	},
};
