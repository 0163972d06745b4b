import test from "ava";
import { gatewayUpdateTests } from "./system/gateway-update.ts";

gatewayUpdateTests(test, "arm");
