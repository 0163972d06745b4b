export { Mutex } from "async-mutex";
export { addressKey } from "./address-key.ts";
export {
	type AppMessage,
	type AppServer,
	AppSession,
	type GuessSource,
} from "./app-websocket/session.ts";
export { BasicAuthentication } from "./basic-authentication.ts";
export { type Guesser, GuessLimiter } from "./guess-limiter.ts";
export {
	failedPrecondition,
	type Version,
} from "./http/preconditions.ts";
export { sendContent } from "./http/send-content.ts";
export { StaticFiles } from "./http/static-files.ts";
export { AppInstance } from "./instance.ts";
export type { LogFlag } from "./log-flags.ts";
export {
	type RunningService,
	runService,
	type StartInstance,
} from "./service.ts";
