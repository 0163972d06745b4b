// Calls the manager with the browser's cookies, as often as a page asks.
self.addEventListener("activate", (event) =>
	event.waitUntil(self.clients.claim()),
);
self.addEventListener("message", async ({ data: url, ports: [port] }) => {
	const answer = await fetch(url, {
		method: "POST",
		credentials: "include",
		headers: { "content-type": "application/json" },
		body: "{}",
	}).catch(() => undefined);
	port.postMessage(await answer?.text());
});
