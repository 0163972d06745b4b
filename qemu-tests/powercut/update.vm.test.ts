import test from "ava";
import { cutTests, recoveryTest } from "./sample.ts";
import { livedInUpdateStory } from "./stories/update.ts";

const update = livedInUpdateStory("x86_64");
const recording = cutTests(test, update, { points: 50 });
recoveryTest(test, update, recording);
