// Each attack gets the origins where the manager answers, and returns what it has gained. It runs while an
// administrator is logged in to the manager in the same browser.
const waitMs = 3_000;
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Only the manager's answers and pages, for an administrator or for one who is to log in, contain this. */
const isFromManager = (text) =>
	/"manager":\{|Log in|Log out|App Platform/.test(text ?? "");
const setting = '{"isOn":true}';

/** Reads a window until it shows a page of the manager. */
async function readWindow(window) {
	for (let waited = 0; waited < waitMs; waited += 100) {
		await after(100);
		try {
			const { innerText } = window.document.body;
			if (isFromManager(innerText)) return innerText;
		} catch {
			// The window is of another origin, or closed.
		}
	}
	return undefined;
}

async function gainedAt(origins, attack) {
	const gains = [];
	for (const origin of origins)
		try {
			if (await attack(origin)) gains.push(origin);
		} catch {
			// The browser refuses.
		}
	return gains;
}

function register(scope) {
	return navigator.serviceWorker.register("worker.js", { scope });
}

window.attacks = {
	fetch: (origins) =>
		gainedAt(origins, async (origin) => {
			const answer = await fetch(`${origin}/manager/api/systemStatus`, {
				method: "POST",
				credentials: "include",
				headers: { "content-type": "application/json" },
				body: "{}",
			});
			return answer.ok && isFromManager(await answer.text());
		}),

	/** Requests that need no permission to be sent: the caller looks what they have changed. */
	blindRequests: async (origins) => {
		for (const origin of origins) {
			const url = `${origin}/manager/api/`;
			const blind = { method: "POST", mode: "no-cors", credentials: "include" };
			for (const type of [
				"text/plain",
				"application/x-www-form-urlencoded",
				"application/json",
			]) {
				const headers = { "content-type": type };
				for (const [operation, body] of [
					["developerModeChange", setting],
					["logout", "{}"],
				]) {
					const options = { ...blind, headers, body };
					await fetch(url + operation, options).catch(() => {});
				}
			}
			navigator.sendBeacon(`${url}developerModeChange`, setting);
		}
		return [];
	},

	form: async (origins) => {
		for (const origin of origins) {
			const frame = document.createElement("iframe");
			frame.name = `form ${origin}`;
			document.documentElement.append(frame);
			for (const target of [frame.name, "_blank"]) {
				const form = document.createElement("form");
				Object.assign(form, { method: "POST", enctype: "text/plain", target });
				form.action = `${origin}/manager/api/developerModeChange`;
				const input = document.createElement("input");
				// Sent as {"isOn":true,"x":"="}
				Object.assign(input, { name: '{"isOn":true,"x":"', value: '"}' });
				form.append(input);
				document.documentElement.append(form);
				form.submit();
			}
		}
		await after(1_000);
		return [];
	},

	webSocket: (origins) =>
		gainedAt(
			origins,
			(origin) =>
				new Promise((resolve) => {
					const url = `${origin.replace("https", "wss")}/manager/api/ws`;
					const socket = new WebSocket(url);
					socket.onopen = () =>
						socket.send('{"id":1,"operation":"systemStatus"}');
					socket.onmessage = ({ data }) => resolve(isFromManager(data));
					socket.onclose = () => resolve(false);
				}),
		),

	iframe: (origins) =>
		gainedAt(origins, async (origin) => {
			const frame = document.createElement("iframe");
			frame.src = `${origin}/manager/`;
			document.documentElement.append(frame);
			return readWindow(frame.contentWindow);
		}),

	windowOpen: (origins) =>
		gainedAt(origins, async (origin) => {
			const opened = window.open(`${origin}/manager/`);
			const text = await readWindow(opened);
			opened?.close();
			return text;
		}),

	/** A link gives the manager's window a name, by which the page finds it. */
	namedWindow: (origins) =>
		gainedAt(origins, async (origin) => {
			const link = document.createElement("a");
			link.href = `${origin}/manager/`;
			link.target = `named ${origin}`;
			link.rel = "opener";
			document.documentElement.append(link);
			link.click();
			await after(waitMs);
			const found = window.open("", link.target);
			const text = await readWindow(found);
			found?.close();
			return text;
		}),

	/** Of a window that the manager has opened. */
	opener: async () =>
		window.opener && (await readWindow(window.opener)) ? ["opener"] : [],

	serviceWorkerScope: (origins) =>
		gainedAt(
			origins.flatMap((origin) => [`${origin}/`, `${origin}/manager/`]),
			(scope) => register(scope),
		),

	serviceWorkerFetch: async (origins) => {
		await register("./");
		const { active } = await navigator.serviceWorker.ready;
		return gainedAt(
			origins,
			(origin) =>
				new Promise((resolve) => {
					const { port1, port2 } = new MessageChannel();
					port1.onmessage = ({ data }) => resolve(isFromManager(data));
					active.postMessage(`${origin}/manager/api/systemStatus`, [port2]);
				}),
		);
	},

	/** Leaves data for the manager's pages. */
	store: async () => {
		localStorage.setItem("planted", "by an app");
		sessionStorage.setItem("planted", "by an app");
		await new Promise((resolve) => {
			indexedDB.open("planted").onsuccess = resolve;
		});
		await caches.open("planted");
		return [];
	},

	/** Keeps what it hears for `heard`. */
	listen: async () => {
		window.heard = [];
		window.channel = new BroadcastChannel("manager");
		window.channel.onmessage = ({ data }) => window.heard.push(data);
		window.addEventListener("storage", ({ key }) => window.heard.push(key));
		return [];
	},

	heard: async () => {
		await after(500);
		return window.heard;
	},

	/** Reads the session, and sets cookies that the browser sends before it or instead of it. */
	cookies: async () => {
		const paths = [
			"/",
			"/manager",
			"/manager/",
			"/manager/api",
			"/manager/api/",
		];
		const domains = ["", `; domain=${location.hostname}`, "; domain=test"];
		const names = ["manager-session", "__Secure-manager-session"];
		for (const name of names)
			for (const path of paths)
				for (const domain of domains)
					for (const secure of ["", "; secure"]) {
						const cookie = `${name}=planted; path=${path}${domain}${secure}`;
						// biome-ignore lint/suspicious/noDocumentCookie: as an attacker does
						document.cookie = cookie;
					}
		const read = document.cookie;
		history.replaceState(null, "", "/manager/api/");
		const visible = `${read}; ${document.cookie}`;
		return visible
			.split("; ")
			.filter(
				(cookie) =>
					cookie.startsWith("manager-session=") && !cookie.endsWith("=planted"),
			);
	},

	/** Shows a page of its own at an address of the manager alone. */
	history: (origins) =>
		gainedAt(origins, async (origin) => {
			for (const change of ["pushState", "replaceState"])
				history[change](null, "", `${origin}/manager/`);
			return location.href === `${origin}/manager/`;
		}),
};
