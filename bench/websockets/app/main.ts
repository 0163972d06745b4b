import { runService } from "../../../sdk/index.ts";

// Echoes each message; returns its process id for a request.
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
