import { expect, test } from "vitest";
import type { Trend } from "@/api/types";
import { failedWithSuccess, failure, statusLine } from "@/lib/failure";
import { chartOf, pointsOver } from "@/lib/reads";
import { comparable, isLeast } from "@/lib/tokens";

test("a cost with unpriced calls is a lower bound; other measures are not", () => {
  expect([isLeast({ unpriced_count: 1 }), isLeast({ unpriced_count: 0 }), isLeast(null), isLeast({ unpriced_count: 1 }, "total_tokens")]).toEqual([true, false, false, false]);
});

test("costs are compared where nearly all calls have one", () => {
  const of = (unpriced_count: number, api_call_count: number) => ({ unpriced_count, api_call_count });
  expect([comparable(of(0, 10), of(0, 10)), comparable(of(1, 100), of(0, 1)), comparable(of(2, 100), of(0, 1)), comparable(of(0, 1), of(5, 9)), comparable(of(0, 0), of(0, 0))]).toEqual([true, true, false, false, true]);
});

const sums = { api_call_count: 1, error_count: 0, input_tokens: 1, output_tokens: 1, cache_read_tokens: 0, cache_write_tokens: 0, reasoning_tokens: 0, total_tokens: 2, no_usage_count: 0 };
const trend = {
  days: 2, interval: "day", timezone: "UTC", as_of: null,
  points: [{ time: "2026-11-23T00:00:00Z", cost_usd: 1, unpriced_count: 0, ...sums }, { time: "2026-11-24T00:00:00Z", cost_usd: 2, unpriced_count: 3, ...sums }],
  series: [{ group: "m", points: [{ time: "2026-11-23T00:00:00Z", cost_usd: 1, unpriced_count: 0, ...sums }, { time: "2026-11-24T00:00:00Z", cost_usd: 2, unpriced_count: 3, ...sums }] }],
} as unknown as Trend;

test("an interval that runs is in the chart, but not in the line of a card", () => {
  const now = Date.parse("2026-11-24T14:00:00Z");
  expect(pointsOver(trend, now).map((p) => p.time)).toEqual(["2026-11-23T00:00:00Z"]);
  expect(pointsOver(trend, Date.parse("2026-11-25T00:00:00Z"))).toHaveLength(2);
  expect(chartOf(trend, "cost_usd", "Cost", "--in", "Other", now)).toMatchObject({ running: 1, series: [{ leastAt: [false, true], least: true, sum: 3 }] });
  expect(chartOf(trend, "total_tokens", "Tokens", "--in", "Other", now).series[0]).toMatchObject({ leastAt: [false, false], least: false });
});

test("what failed", () => {
  const of = (failed: boolean, status: number | null, error_type = "") => ({ failed, status, error_type });
  expect([failure(of(true, 429)), failure(of(true, 200)), failure(of(true, 500, "overloaded")), failure(of(false, 200)), failure(of(true, null))]).toEqual(["HTTP 429", "", "overloaded", "", ""]);
  expect([statusLine(429), statusLine(418), statusLine(null)]).toEqual(["HTTP 429 Too Many Requests", "HTTP 418", ""]);
  expect([failedWithSuccess(of(true, 200)), failedWithSuccess(of(true, 429)), failedWithSuccess(of(false, 200)), failedWithSuccess(of(true, null))]).toEqual([true, false, false, false]);
});
