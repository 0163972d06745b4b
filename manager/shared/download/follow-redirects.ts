const maxRedirects = 5;

/** The server refuses, or a redirect is not followed; retrying would give the same result. */
export class DownloadRefused extends Error {
	override name = "DownloadRefused";
	/** Of the response, if it is the reason. */
	readonly status: number | undefined;

	constructor(message: string, status?: number) {
		super(message);
		this.status = status;
	}
}

/**
 * Fetches a URL and follows redirects manually, none of them from https to http.
 * @returns the first response that is not a redirect; its body is not read yet.
 * @throws DownloadRefused; any other error is worth a retry.
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
			throw new DownloadRefused(
				`${url} redirects to ${next.protocol}//, which is not followed`,
			);
		url = next;
	}
	throw new DownloadRefused(`it redirects more than ${maxRedirects} times`);
}
