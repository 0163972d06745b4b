import type { Story } from "../story.ts";
import { install, installStory } from "./install.ts";
import { resize } from "./resize.ts";
import { rollback } from "./rollback.ts";
import { livedInUpdateStory, update, updateStory } from "./update.ts";

/** All stories, in the order of a machine's life. */
export const stories: readonly Story[] = [
	install,
	resize,
	update,
	livedInUpdateStory("x86_64"),
	rollback,
	installStory("arm64"),
	updateStory("arm64"),
	livedInUpdateStory("arm64"),
	installStory("arm"),
	updateStory("arm"),
];
