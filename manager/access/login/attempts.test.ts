import test from "ava";
import { OperationError } from "../../shared/operation-error.ts";
import { Attempts, attemptsInAll, attemptsPerAddress } from "./attempts.ts";

const tooMany = { instanceOf: OperationError, code: "tooManyAttempts" };

test("one address is limited, another is not", async (t) => {
	const attempts = new Attempts();
	for (let i = 0; i < attemptsPerAddress; i++) await attempts.count("10.0.0.1");
	const refusal = await t.throwsAsync<OperationError>(
		attempts.count("10.0.0.1"),
		tooMany,
	);
	t.true((refusal.retryAfterSeconds ?? 0) > 0);
	await t.notThrowsAsync(attempts.count("10.0.0.2"));
});

test("many addresses together are limited; the private network is not locked out", async (t) => {
	const attempts = new Attempts();
	for (let i = 0; i < attemptsInAll; i++) await attempts.count(`8.8.8.${i}`);
	await t.throwsAsync(attempts.count("9.9.9.9"), tooMany);
	await t.notThrowsAsync(attempts.count("192.168.0.1"));
});

test("right passwords never use up the limits", async (t) => {
	const attempts = new Attempts();
	for (let i = 0; i < attemptsInAll + 1; i++) {
		await attempts.count("10.0.0.1");
		await attempts.forgive("10.0.0.1");
	}
	await t.notThrowsAsync(attempts.count("10.0.0.2"));
});
