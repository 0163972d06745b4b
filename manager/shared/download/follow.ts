const mostRedirects = 5;

/** An address that leads where nothing is fetched from; another attempt would end alike. */
export class AddressRefused extends Error {
	override name = "AddressRefused";
}

/**
 * Fetches, and follows redirects by hand: none leads from https to http.
 * @returns the first answer that is no redirect; its body is not read yet.
 * @throws AddressRefused; any other error is worth another attempt.
 */
export async function follow(
	start: string,
	headers: Record<string, string>,
	signal: AbortSignal,
): Promise<Response> {
	let url = new URL(start);
	for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
		const response = await fetch(url, {
			signal,
			redirect: "manual",
			// What is fetched is compressed already, and small things shall stay small.
			headers: { "accept-encoding": "identity", ...headers },
		});
		const location = response.headers.get("location");
		const { status } = response;
		if (status < 300 || status >= 400 || location === null) return response;
		await response.body?.cancel();
		const next = new URL(location, url);
		if (next.protocol !== "https:" && next.protocol !== url.protocol)
			throw new AddressRefused(
				`${url} leads to ${next.protocol}//, which is not followed`,
			);
		url = next;
	}
	throw new AddressRefused(
		`${start} leads on more than ${mostRedirects} times`,
	);
}
