import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const host = new ScriptsOnHost("grub");
test.after.always(() => host.remove());

const [a, b, c, d] = ["aa", "bb", "cc", "dd"].map(
	(last) => `52:54:00:00:00:${last}`,
);

/** Cards in the kernel's order, as lines NAME MAC. */
const inOrder = (...macs: (string | undefined)[]) =>
	macs.map((mac, index) => `eth${index} ${mac}`).join("\n");

const cases: Record<string, [record: string, cards: string, expected: string]> =
	{
		"at first sight, the kernel's names are recorded": [
			"",
			inOrder(a, b),
			`${a} eth0\n${b} eth1`,
		],
		"a card in front of another does not take its name": [
			`${a} eth0`,
			inOrder(b, a),
			`${a} eth0\n${b} eth1`,
		],
		"cards keep their names in another order": [
			`${a} eth0\n${b} eth1`,
			inOrder(b, a),
			`${a} eth0\n${b} eth1`,
		],
		"a clone's cards take over the names": [
			`${a} eth0\n${b} eth1`,
			inOrder(c, d),
			`${c} eth0\n${d} eth1`,
		],
		"a card that is gone leaves its name to a new one": [
			`${a} eth0\n${b} eth1`,
			inOrder(c, b),
			`${b} eth1\n${c} eth0`,
		],
		"a card that is only removed keeps its name": [
			`${a} eth0\n${b} eth1`,
			inOrder(b),
			`${a} eth0\n${b} eth1`,
		],
		"cards with the same address count once": ["", inOrder(a, a), `${a} eth0`],
		"a damaged record is ignored": [
			`${a} lo\nx y z\n${b} eth1\n${c} eth1\n`,
			inOrder(a, b),
			`${b} eth1\n${a} eth0`,
		],
	};

for (const [title, [record, cards, expected]] of Object.entries(cases))
	test(title, (t) => {
		host.write("record", record);
		const { output } = host.run(
			"cards",
			`echo "${cards}" | assigned_names record`,
		);
		t.is(output, expected);
	});
