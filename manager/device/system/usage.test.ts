import test from "ava";
import { busyPercent, CpuMeter, sumCpuTime } from "./usage.ts";

test("sums the cores", (t) => {
	const core = { user: 10, nice: 5, sys: 20, idle: 60, irq: 5 };
	t.deepEqual(sumCpuTime([{ times: core }, { times: core }]), {
		busyMs: 80,
		totalMs: 200,
	});
});

test("counts only the time between two readings", (t) => {
	const earlier = { busyMs: 900, totalMs: 1000 };
	t.is(busyPercent(earlier, { busyMs: 925, totalMs: 1100 }), 25);
	t.is(busyPercent(earlier, { busyMs: 900, totalMs: 1100 }), 0);
});

test("without time between two readings the use is 0", (t) => {
	const reading = { busyMs: 900, totalMs: 1000 };
	t.is(busyPercent(reading, reading), 0);
});

test("the meter stays between 0 and 100", (t) => {
	const percent = new CpuMeter().percent();
	t.true(percent > 0 && percent <= 100, `${percent}`);
});
