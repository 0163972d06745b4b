const maxRedirects = 5;

/** A redirect that is not followed; retrying would give the same result. */
export class RedirectRefused extends Error {
	override name = "RedirectRefused";
}

/**
 * Fetches a URL and follows redirects manually, none of them from https to http.
 * @returns the first response that is not a redirect; its body is not read yet.
 * @throws RedirectRefused; any other error is worth a retry.
 */
export async function followRedirects(
	start: string,
	headers: Record<string, string>,
	signal: AbortSignal,
): Promise<Response> {
	let url = new URL(start);
	for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
		const response = await fetch(url, {
			signal,
			redirect: "manual",
			// Downloads are already compressed, and a small response must not inflate to a large one.
			headers: { "accept-encoding": "identity", ...headers },
		});
		const location = response.headers.get("location");
		const { status } = response;
		if (status < 300 || status >= 400 || location === null) return response;
		await response.body?.cancel();
		const next = new URL(location, url);
		if (next.protocol !== "https:" && next.protocol !== url.protocol)
			throw new RedirectRefused(
				`${url} redirects to ${next.protocol}//, which is not followed`,
			);
		url = next;
	}
	throw new RedirectRefused(
		`${start} redirects more than ${maxRedirects} times`,
	);
}
