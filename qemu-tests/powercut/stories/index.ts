import type { Story } from "../story.ts";
import { install, installStory, installUnderUefi } from "./install.ts";
import { resize } from "./resize.ts";
import { rollback } from "./rollback.ts";
import {
	livedInUpdateStory,
	update,
	updateStory,
	updateUnderUefi,
} from "./update.ts";

/** All stories, in the order of a machine's life. */
export const stories: readonly Story[] = [
	install,
	resize,
	update,
	livedInUpdateStory("x86_64"),
	rollback,
	installUnderUefi,
	updateUnderUefi,
	installStory("arm64"),
	updateStory("arm64"),
	livedInUpdateStory("arm64"),
	installStory("arm"),
	updateStory("arm"),
];
