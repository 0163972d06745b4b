import test from "ava";
import { updateTests } from "./system/update-tests.ts";

updateTests(test, { name: "update" });
