import test from "ava";
import { cutTests, recoveryTest } from "./sample.ts";
import { updateLivedIn } from "./stories/update.ts";

const recording = cutTests(test, updateLivedIn, { points: 50 });
recoveryTest(test, updateLivedIn, recording);
