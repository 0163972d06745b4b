/** In the order of their bits, from 0x1 to 0x200000000 (facts §2). */
const names = [
	...["app", "database", "databaseFiles", "dns", "ethernet", "file", "files"],
	...["httpClient", "httpFile", "process", "tls", "tcp", "lds"],
	...["webServerTraffic", "webSocketClient", "appWebSocket", "webDav"],
	...["command", "config", "time", "smtp", "udp", "dtls", "media"],
	...["mediaChannel", "ice", "turn", "appSharing", "audio", "video"],
	...["browser", "appProxy", "alarmClient", "webServer"],
] as const;
export type LogFlag = (typeof names)[number];

/** The subjects that an instance traces when the administrator enables them. */
export const logFlags = Object.fromEntries(
	names.map((name, bit) => [name, 2 ** bit]),
) as Readonly<Record<LogFlag, number>>;

export const defaultLogFlags = logFlags.app + logFlags.appWebSocket;
export const allLogFlags = 2 ** names.length - 1;
