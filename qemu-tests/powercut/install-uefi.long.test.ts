import test from "ava";
import { cutTests, recoveryTest } from "./sample.ts";
import { installUnderUefi } from "./stories/install.ts";

const recording = cutTests(test, installUnderUefi, { points: 50 });
recoveryTest(test, installUnderUefi, recording);
