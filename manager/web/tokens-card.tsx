import { useCallback, useEffect, useState } from "preact/hooks";
import type { TokenList } from "../access/tokens/operations.ts";
import { type Failure, post } from "./api.ts";
import { textOf, useForm } from "./form.ts";

type Token = TokenList["tokens"][number];

const dayMs = 24 * 60 * 60 * 1000;

/** The users of the API: scripts, each with a token of its own. */
export function TokensCard() {
	const [tokens, setTokens] = useState<Token[]>();
	const [problem, setProblem] = useState<string>();
	const look = useCallback(async () => {
		try {
			setTokens((await post("tokenList")).tokens);
			setProblem(undefined);
		} catch (failure) {
			setProblem((failure as Failure).message);
		}
	}, []);
	useEffect(() => void look(), [look]);
	return (
		<section class="card">
			<h2>Users of the API</h2>
			<p>
				Scripts use the <a href="/manager/api/openapi.json">API</a> with a token
				instead of the password.
			</p>
			{problem && <p role="alert">{problem}</p>}
			{tokens?.length === 0 && <p>None yet.</p>}
			<ul>
				{tokens?.map((token) => (
					<li key={token.id}>
						<TokenRow token={token} revoked={look} />
					</li>
				))}
			</ul>
			<NewToken made={look} />
		</section>
	);
}

function TokenRow({
	token: { id, name, scopes, createdAt, lastUsedAt, expiresAt },
	revoked,
}: {
	token: Token;
	revoked: () => Promise<void>;
}) {
	const { onSubmit, problem, sending } = useForm(async () => {
		await post("tokenRevoke", { id });
		await revoked();
	});
	return (
		<form onSubmit={onSubmit}>
			<strong>{name}</strong>: {scopes.join(", ")}; made {inWords(createdAt)},
			last used {lastUsedAt ? inWords(lastUsedAt) : "never"}
			{expiresAt && `, ends ${inWords(expiresAt)}`}{" "}
			<button type="submit" disabled={sending}>
				Revoke {name}
			</button>
			{problem && <p role="alert">{problem}</p>}
		</form>
	);
}

function NewToken({ made }: { made: () => Promise<void> }) {
	const [token, setToken] = useState<string>();
	const { onSubmit, problem, sending } = useForm(async (fields) => {
		setToken(undefined);
		const days = Number(fields.get("days"));
		const answer = await post("tokenCreate", {
			name: textOf(fields, "name"),
			scopes: [textOf(fields, "scope")],
			...(days > 0 && {
				expiresAt: new Date(Date.now() + days * dayMs).toISOString(),
			}),
		});
		setToken(answer.token);
		await made();
	});
	return (
		<details>
			<summary>New token</summary>
			<form onSubmit={onSubmit}>
				<label>
					What it is for
					<input name="name" required maxLength={100} autocomplete="off" />
				</label>
				<label>
					It may
					<select name="scope">
						<option value="read">only read</option>
						<option value="administer">
							everything except passwords and tokens
						</option>
					</select>
				</label>
				<label>
					Days until it ends
					<input
						name="days"
						type="number"
						min={1}
						max={3650}
						placeholder="never"
					/>
				</label>
				<button type="submit" class="main" disabled={sending}>
					Make the token
				</button>
				{problem && <p role="alert">{problem}</p>}
			</form>
			{token && (
				<p role="status">
					Keep it now, it is not shown again: <code>{token}</code>
				</p>
			)}
		</details>
	);
}

function inWords(date: string): string {
	return new Date(date).toLocaleString();
}
