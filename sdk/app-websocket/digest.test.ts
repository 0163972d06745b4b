import test from "ava";
import { isValidLogin, loginDigest, newChallenge } from "./digest.ts";

// The four test vectors of the public document AppWebsocket.
const noUser = { domain: "", sip: "", guid: "", dn: "" };
const vectors = [
	{
		login: { app: "pbxadminapi", ...noUser },
		digest: "a205299ed2ef2786c311e0be1b14db343f2cadd906a6ae7b564eee34bda5e9a1",
	},
	{
		login: { app: "pbxadminapi", ...noUser, info: {} },
		digest: "57b23fe824b9222a7ac879597cb509bcdc865a1bfeb057d9d12118cef0c3ba34",
	},
	{
		login: { app: "pbxadminapi", ...noUser, info: { cn: "Test User" } },
		digest: "96db3c3f657230c2b68194becc6d2a77f05de9f79f01fc81e9ca0fb196b10d9d",
	},
	{
		login: {
			app: "innovaphone-users",
			domain: "example.com",
			sip: "administrator",
			guid: "0123456789abcdef0123456789abcdef",
			dn: "Administrator User",
			info: {
				appobj: "users",
				apps: [{ name: "users" }, { name: "profile" }],
				appurl: "https://1.2.3.4/example.com/usersapp/innovaphone-users",
				unlicensed: true,
			},
		},
		digest: "ef1b811ffaa8f9255c39c653d8fb26b4687b2d8c4d9ac91b4821bff6bae3ff44",
	},
];
const challenge = "0123456789abcdef";

test("the digest matches the public test vectors", (t) => {
	for (const { login, digest } of vectors) {
		t.is(loginDigest(login, challenge, "pwd"), digest);
		const message = { mt: "AppLogin" as const, ...login, digest };
		t.true(isValidLogin(message, challenge, "pwd"));
		t.false(isValidLogin(message, challenge, "pwd "));
		t.false(isValidLogin({ ...message, dn: "Other" }, challenge, "pwd"));
	}
});

test("challenges are 16 random digits", (t) => {
	t.regex(newChallenge(), /^\d{16}$/);
	t.not(newChallenge(), newChallenge());
});
