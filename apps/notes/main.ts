import { type AppInstance, runService } from "../../sdk/index.ts";

// Notes that everybody who has the page open sees at once: one text, kept in the database.
const longestNote = 10_000;

runService(async (instance) => {
	const { database, webSockets } = instance;
	await database.query(
		"CREATE TABLE IF NOT EXISTS note (id int PRIMARY KEY CHECK (id = 1), text text NOT NULL)",
	);
	await instance.serveFiles("web");
	webSockets.on("connection", (socket) => {
		instance.trace("app", "somebody has opened the notes");
		// Whoever is cut off comes again, and is told what was really kept.
		const cutOff = (error: Error) => {
			instance.log(`The database fails: ${error.message}`);
			socket.close(1011);
		};
		socket.on("message", (data) => {
			keep(instance, String(data)).catch(cutOff);
		});
		read(instance)
			.then((text) => socket.send(text))
			.catch(cutOff);
	});
});

async function read({ database }: AppInstance): Promise<string> {
	const { rows } = await database.query("SELECT text FROM note");
	return rows[0]?.text ?? "";
}

async function keep(instance: AppInstance, text: string): Promise<void> {
	// PostgreSQL's text has no NUL.
	if (text.length > longestNote || text.includes("\0")) return;
	await instance.database.query(
		"INSERT INTO note VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET text = excluded.text",
		[text],
	);
	for (const client of instance.webSockets.clients) client.send(text);
}
