import { once } from "node:events";
import test from "ava";
import type { WebSocket } from "ws";
import { TestManager } from "../../testing/test-manager.ts";

// What a page subscribes to.
const manager = await TestManager.create();
let cookie: string;

test.before(async () => {
	await manager.start();
	cookie = await manager.logIn();
});
test.after.always(() => manager.remove());

/** A client that keeps what it receives. */
class Client {
	readonly socket: WebSocket;
	readonly messages: {
		id?: number;
		topic?: string;
		output?: Record<string, unknown>;
		error?: { code: string };
	}[] = [];
	#onMessage = () => {};

	constructor(headers: Record<string, string>) {
		this.socket = manager.webSocket(headers);
		this.socket.on("message", (data) => {
			this.messages.push(JSON.parse(String(data)));
			this.#onMessage();
		});
	}

	static async open(headers: Record<string, string> = { cookie }) {
		const client = new Client(headers);
		await once(client.socket, "open");
		return client;
	}

	send(message: object): void {
		this.socket.send(JSON.stringify(message));
	}

	/** Waits for a message, also one that has arrived before. */
	received(isWanted: (message: Client["messages"][0]) => boolean) {
		return new Promise<Client["messages"][0]>((resolve) => {
			this.#onMessage = () => {
				const found = this.messages.find(isWanted);
				if (found) resolve(found);
			};
			this.#onMessage();
		});
	}

	outputsOf(topic: string) {
		return this.messages.filter((message) => message.topic === topic);
	}
}

test.serial(
	"a subscriber gets the output at once and after each change, once for all",
	async (t) => {
		const [first, second] = [await Client.open(), await Client.open()];
		for (const client of [first, second]) {
			client.send({ id: 1, subscribe: "storeUrl" });
			await client.received(({ topic }) => topic === "storeUrl");
			t.truthy(await client.received(({ id }) => id === 1));
		}
		const url = "https://store.example/apps";
		const change = await manager.call("storeUrlChange", { url }, { cookie });
		t.is(change.status, 200);
		for (const client of [first, second]) {
			await client.received(({ output }) => output?.url === url);
			t.is(client.outputsOf("storeUrl").length, 2);
		}

		first.send({ id: 2, unsubscribe: "storeUrl" });
		await first.received(({ id }) => id === 2);
		const next = "https://store.example/next";
		await manager.call("storeUrlChange", { url: next }, { cookie });
		await second.received(({ output }) => output?.url === next);
		t.is(first.outputsOf("storeUrl").length, 2);
		for (const { socket } of [first, second]) socket.close();
	},
);

test.serial("an unchanged output is not sent again", async (t) => {
	const client = await Client.open();
	client.send({ id: 1, subscribe: "developerMode" });
	await client.received(({ topic }) => topic === "developerMode");
	await manager.call("developerModeChange", { isOn: false }, { cookie });
	await manager.call("developerModeChange", { isOn: true }, { cookie });
	await client.received(({ output }) => output?.isOn === true);
	t.deepEqual(
		client.outputsOf("developerMode").map(({ output }) => output),
		[{ isOn: false }, { isOn: true }],
	);
	client.socket.close();
});

test.serial("figures that nothing announces come by themselves", async (t) => {
	const client = await Client.open();
	client.send({ id: 1, subscribe: "systemStatus" });
	await client.received(() => client.outputsOf("systemStatus").length === 2);
	const [first, second] = client.outputsOf("systemStatus");
	t.notDeepEqual(first?.output, second?.output);
	client.socket.close();
});

test.serial("what cannot be subscribed to is refused", async (t) => {
	const client = await Client.open();
	for (const [id, name] of [
		"constructor",
		"noSuchOperation",
		"login",
		"storeApps",
	].entries()) {
		client.send({ id, subscribe: name });
		const answer = await client.received((message) => message.id === id);
		t.is(answer.error?.code, "unknownTopic", name);
	}
	client.socket.close();
});

test.serial(
	"a token subscribes to what it may read, until it is revoked",
	async (t) => {
		await manager.call(
			"changePassword",
			{ currentPassword: "pwd", newPassword: "a longer password" },
			{ cookie },
		);
		cookie = await manager.logIn("a longer password");
		const { body } = await manager.call(
			"tokenCreate",
			{ name: "figures", scopes: ["systemStatus"] },
			{ cookie },
		);
		const client = await Client.open({ authorization: `Bearer ${body.token}` });
		client.send({ id: 1, subscribe: "systemStatus" });
		await client.received(({ topic }) => topic === "systemStatus");
		client.send({ id: 2, subscribe: "jobs" });
		const refused = await client.received(({ id }) => id === 2);
		t.is(refused.error?.code, "notForToken");
		const closed = once(client.socket, "close");
		await manager.call("tokenRevoke", { id: body.id }, { cookie });
		t.is((await closed)[0], 4401);
	},
);

test.serial(
	"the end of the session ends its subscriptions at the next change",
	async (t) => {
		const other = await manager.logIn("a longer password");
		const client = await Client.open({ cookie: other });
		client.send({ id: 1, subscribe: "systemStatus" });
		await client.received(({ topic }) => topic === "systemStatus");
		const closed = once(client.socket, "close");
		await manager.call("logout", {}, { cookie: other });
		const before = client.messages.length;
		t.is((await closed)[0], 4401);
		t.is(client.messages.length, before);
	},
);
