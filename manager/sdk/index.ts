export { AppInstance } from "./instance.ts";
export { runService, type StartInstance } from "./service.ts";
