import test from "ava";
import { gatewayTests } from "./system/gateway.ts";

gatewayTests(test, "arm");
