import { runService } from "../../../sdk/index.ts";

// Sends each message back to where it came from, and tells its process's id.
runService((instance) => {
	instance.onRequest((_request, response) => {
		response.end(String(process.pid));
	});
	instance.webSockets.on("connection", (socket) => {
		socket.on("message", (data, isBinary) =>
			socket.send(data, { binary: isBinary }),
		);
	});
});
