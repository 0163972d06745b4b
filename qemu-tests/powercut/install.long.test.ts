import test from "ava";
import { cutTests, recoveryTest } from "./sample.ts";
import { install } from "./stories/install.ts";

const recording = cutTests(test, install, { points: 50 });
recoveryTest(test, install, recording);
