import test from "ava";
import { OperationError } from "../../shared/operation-error.ts";
import {
	AttemptLimiter,
	maxAttemptsPerAddress,
	maxAttemptsPerNetwork,
} from "./attempt-limiter.ts";

const tooMany = { instanceOf: OperationError, code: "tooManyAttempts" };

test("one address is limited, another is not", async (t) => {
	const attempts = new AttemptLimiter();
	for (let i = 0; i < maxAttemptsPerAddress; i++)
		await attempts.count("10.0.0.1");
	const refusal = await t.throwsAsync<OperationError>(
		attempts.count("10.0.0.1"),
		tooMany,
	);
	t.true((refusal.retryAfterSeconds ?? 0) > 0);
	await t.notThrowsAsync(attempts.count("10.0.0.2"));
});

test("many addresses together are limited, the private network is not locked out", async (t) => {
	const attempts = new AttemptLimiter();
	for (let i = 0; i < maxAttemptsPerNetwork; i++)
		await attempts.count(`8.8.8.${i}`);
	await t.throwsAsync(attempts.count("9.9.9.9"), tooMany);
	await t.notThrowsAsync(attempts.count("192.168.0.1"));
});

test("correct passwords never use up the limits", async (t) => {
	const attempts = new AttemptLimiter();
	for (let i = 0; i < maxAttemptsPerNetwork + 1; i++) {
		await attempts.count("10.0.0.1");
		await attempts.forgive("10.0.0.1");
	}
	await t.notThrowsAsync(attempts.count("10.0.0.2"));
});
