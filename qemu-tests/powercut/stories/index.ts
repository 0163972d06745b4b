import type { Story } from "../story.ts";
import { install, installOn } from "./install.ts";
import { resize } from "./resize.ts";
import { rollback } from "./rollback.ts";
import { update, updateLivedInOf, updateOf } from "./update.ts";

/** In the order of a machine's life. */
export const stories: readonly Story[] = [
	install,
	resize,
	update,
	updateLivedInOf("x86_64"),
	rollback,
	installOn("arm64"),
	updateOf("arm64"),
	updateLivedInOf("arm64"),
	installOn("arm"),
	updateOf("arm"),
];
