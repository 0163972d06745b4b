const field = document.querySelector("textarea");

function open() {
	const socket = new WebSocket(location.href.replace(/^http/, "ws"));
	socket.onmessage = ({ data }) => {
		if (field.value !== data) field.value = data;
		field.readOnly = false;
	};
	// Disconnected: changes would be lost.
	socket.onclose = () => {
		field.readOnly = true;
		setTimeout(open, 1000);
	};
	field.oninput = () => socket.send(field.value);
}

open();
