import { type AppInstance, runService } from "../../sdk/index.ts";

// One text, kept in the database: everybody who has the page open sees changes at once.
const maxNoteLength = 10_000;

runService(async (instance) => {
	const { database, webSockets } = instance;
	await database.query(
		"CREATE TABLE IF NOT EXISTS note (id int PRIMARY KEY CHECK (id = 1), text text NOT NULL)",
	);
	await instance.serveFiles("web");
	webSockets.on("connection", (socket) => {
		instance.trace("app", "somebody has opened the notes");
		// The page reconnects and then receives the text that was saved.
		const onError = (error: Error) => {
			instance.log(`database query failed: ${error.message}`);
			socket.close(1011);
		};
		socket.on("message", (data) => {
			save(instance, String(data)).catch(onError);
		});
		read(instance)
			.then((text) => socket.send(text))
			.catch(onError);
	});
});

async function read({ database }: AppInstance): Promise<string> {
	const { rows } = await database.query("SELECT text FROM note");
	return rows[0]?.text ?? "";
}

async function save(instance: AppInstance, text: string): Promise<void> {
	// PostgreSQL cannot store NUL.
	if (text.length > maxNoteLength || text.includes("\0")) return;
	await instance.database.query(
		"INSERT INTO note VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET text = excluded.text",
		[text],
	);
	for (const client of instance.webSockets.clients) client.send(text);
}
