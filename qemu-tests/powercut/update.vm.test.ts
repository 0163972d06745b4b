import test from "ava";
import { cutTests, recoveryTest } from "./sample.ts";
import { update } from "./stories/update.ts";

const recording = cutTests(test, update, { points: 50 });
recoveryTest(test, update, recording);
