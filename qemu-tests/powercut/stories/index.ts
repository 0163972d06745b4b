import type { Story } from "../story.ts";
import { install } from "./install.ts";
import { resize } from "./resize.ts";
import { rollback } from "./rollback.ts";
import { update } from "./update.ts";

/** In the order of a machine's life. */
export const stories: readonly Story[] = [install, resize, update, rollback];
