import test from "ava";
import { gatewayTests } from "./gateway-tests.ts";

gatewayTests(test, "arm64");
