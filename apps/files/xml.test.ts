import test from "ava";
import fc from "fast-check";
import {
	davChild,
	davDocument,
	elementsOf,
	formatXml,
	parseXml,
	type XmlElement,
} from "./xml.ts";

test("XML is parsed and formatted with the same meaning", (t) => {
	const text = `<a:b xmlns:a="urn:x" xmlns="urn:y" a:c="1 &lt; &quot;2&quot;&#10;" xml:lang="de">
		<d>Füße &amp; 😀<![CDATA[<e>]]></d><f xmlns=""/><g xmlns="DAV:"/></a:b>`;
	const element = parseXml(text);
	t.is(element.namespace, "urn:x");
	t.deepEqual(
		elementsOf(element).map(({ namespace, name }) => [namespace, name]),
		[
			["urn:y", "d"],
			["", "f"],
			["DAV:", "g"],
		],
	);
	const written = formatXml(element);
	const [again] = elementsOf(parseXml(davDocument("prop", written)));
	t.deepEqual(again?.attributes, element.attributes);
	t.is(again && formatXml(again), written);
	t.truthy(davChild(element, "g"));
});

test("malformed XML, DTDs and too many elements are refused", (t) => {
	const status = (text: string) =>
		(t.throws(() => parseXml(text)) as Error & { status?: number }).status;
	for (const text of [
		...["", " ", "text", "<a>", "<a></b>", "<a/><b/>", "<a b=1/>"],
		...["<a:b/>", '<a xmlns:b=""/>', "<a>&b;</a>", "<a>\u0001</a>"],
		"<a>&#xD800;</a>",
	])
		t.is(status(text), 400, text);
	const bomb = '<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>';
	t.is(status(bomb), 403);
	t.is(status('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'), 403);
	t.is(status("<a>".repeat(60) + "</a>".repeat(60)), 413);
	t.is(status(`<a>${"<b/>".repeat(1_000)}</a>`), 413);
});

/** Any text that XML can contain. */
const text = fc.string({ unit: "binary" }).map((any) =>
	// biome-ignore lint/suspicious/noControlCharactersInRegex: XML excludes these.
	any.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, ""),
);
const name = fc
	.stringMatching(/^[A-Za-z_][\w.-]{0,9}$/)
	.filter((one) => one !== "xmlns");
const namespace = fc.constantFrom("", "DAV:", "urn:x", 'a "b" & <c>');
const element: fc.Arbitrary<XmlElement> = fc.letrec<{ element: XmlElement }>(
	(tie) => ({
		element: fc.record({
			namespace,
			name,
			attributes: fc.uniqueArray(fc.record({ namespace, name, value: text }), {
				maxLength: 3,
				selector: (one) => `${one.namespace} ${one.name}`,
			}),
			children: fc.oneof(
				{ depthSize: "small" },
				text.map((one) => (one === "" ? [] : [one])),
				fc.array(tie("element"), { maxLength: 3 }),
			),
		}),
	}),
).element;

test("any element has the same meaning after formatting and parsing", (t) => {
	fc.assert(
		fc.property(element, (one) => {
			const [again] = elementsOf(parseXml(davDocument("prop", formatXml(one))));
			t.deepEqual(again, one);
		}),
	);
});
