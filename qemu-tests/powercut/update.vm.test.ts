import test from "ava";
import { cutTests, recoveryTest } from "./sample.ts";
import { updateLivedInOf } from "./stories/update.ts";

const update = updateLivedInOf("x86_64");
const recording = cutTests(test, update, { points: 50 });
recoveryTest(test, update, recording);
