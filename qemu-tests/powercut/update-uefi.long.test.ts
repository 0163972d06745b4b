import test from "ava";
import { cutTests, recoveryTest } from "./sample.ts";
import { updateUnderUefi } from "./stories/update.ts";

const recording = cutTests(test, updateUnderUefi, { points: 50 });
recoveryTest(test, updateUnderUefi, recording);
