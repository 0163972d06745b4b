import test from "ava";
import { decideAccess, defaultMaxBytes } from "./database-limits.ts";

const maxBytes = 1_000;
const access = (
	sizeBytes: number,
	...before: ["readOnly" | "closed", number] | []
) => {
	const [access, sinceBytes] = before;
	const limited = access && sinceBytes ? { access, sinceBytes } : undefined;
	return decideAccess({ sizeBytes, maxBytes, limited });
};

test("a database that reaches its limit becomes read-only, however large it is", (t) => {
	t.is(access(999), "full");
	t.is(access(1_000), "readOnly");
	t.is(access(5_000), "readOnly");
});

test("a read-only database is closed if it grows by more than a margin", (t) => {
	t.is(access(1_100, "readOnly", 1_000), "readOnly");
	t.is(access(1_101, "readOnly", 1_000), "closed");
	t.is(access(5_100, "readOnly", 5_000), "readOnly");
});

test("a closed database is opened once it is below its limit", (t) => {
	t.is(access(1_000, "closed", 1_000), "closed");
	t.is(access(999, "closed", 1_000), "full");
	t.is(access(999, "readOnly", 1_000), "full");
});

test("the limit is half of the disk, but leaves earlier databases a quarter more", (t) => {
	t.is(defaultMaxBytes(1_000, 0), 500);
	t.is(defaultMaxBytes(1_000, 400), 500);
	t.is(defaultMaxBytes(1_000, 600), 750);
});
