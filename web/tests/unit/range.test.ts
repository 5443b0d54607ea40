import { describe, expect, test } from "vitest";
import { coveredShare, presets, rangeName, spanBefore, spanOf, spanYearBefore, type Range } from "@/lib/range";
import { clockAt, isZone, midnight, offsetAt, rfc3339, startOfDate } from "@/lib/zone";

const at = (s: string) => Date.parse(s);
const preset = (p: Range["preset"]): Range => ({ preset: p, from: "", to: "" });
const now = at("2026-11-24T14:02:11Z");

describe("days begin in a zone", () => {
  const cases: [string, string, number, string][] = [
    ["UTC", "2026-11-24T14:02:11Z", 0, "2026-11-24T00:00:00Z"],
    ["Asia/Shanghai", "2026-11-24T14:02:11Z", 0, "2026-11-24T00:00:00+08:00"],
    ["Asia/Shanghai", "2026-11-24T16:00:00Z", 0, "2026-11-25T00:00:00+08:00"],
    ["Asia/Kolkata", "2026-11-24T14:02:11Z", -1, "2026-11-23T00:00:00+05:30"],
    ["America/New_York", "2026-11-01T12:00:00Z", 0, "2026-11-01T00:00:00-04:00"],
    ["America/New_York", "2026-11-01T12:00:00Z", 1, "2026-11-02T00:00:00-05:00"],
    ["America/Havana", "2026-03-08T12:00:00Z", 0, "2026-03-08T01:00:00-04:00"], // midnight is skipped
    ["America/Havana", "2026-11-01T12:00:00Z", 0, "2026-11-01T00:00:00-04:00"], // midnight comes twice: the first
    ["Pacific/Apia", "2011-12-29T12:00:00Z", 2, "2011-12-31T00:00:00+14:00"],
  ];
  test.each(cases)("%s %s %i", (zone, t, days, want) => expect(rfc3339(zone, midnight(zone, at(t), days))).toBe(want));
  test("a date over the end of a month", () => expect(rfc3339("UTC", startOfDate("UTC", 2026, 11, 31))).toBe("2026-12-01T00:00:00Z"));
  test("a clock, an offset, a zone that is none", () => {
    expect(clockAt("Asia/Kathmandu", at("2026-01-01T00:00:00Z"))).toMatchObject({ hour: 5, minute: 45 });
    expect(offsetAt("Asia/Kathmandu", now)).toBe(5.75 * 3_600_000);
    expect([isZone("Europe/Berlin"), isZone("Moon/Crater")]).toEqual([true, false]);
  });
});

describe("ranges", () => {
  test("as the API takes them", () => {
    const want = { today: "2026-11-24T00:00:00+08:00", "24h": "2026-11-23T22:00:00+08:00", "7d": "2026-11-18T00:00:00+08:00", "30d": "2026-10-26T00:00:00+08:00", "90d": "2026-08-27T00:00:00+08:00", "365d": "2025-11-25T00:00:00+08:00" };
    const more = { "1h": "2026-11-24T21:02:00+08:00", week: "2026-11-23T00:00:00+08:00", month: "2026-11-01T00:00:00+08:00" };
    const over = { yesterday: ["2026-11-23T00:00:00+08:00", "2026-11-24T00:00:00+08:00"], lastweek: ["2026-11-16T00:00:00+08:00", "2026-11-23T00:00:00+08:00"], lastmonth: ["2026-10-01T00:00:00+08:00", "2026-11-01T00:00:00+08:00"] } as Record<string, string[]>;
    const open = { ...want, ...more } as Record<string, string>;
    for (const p of presets) expect(spanOf(preset(p), "Asia/Shanghai", now), p).toEqual(over[p] ? { from: over[p][0], to: over[p][1] } : { from: open[p], to: "" });
    expect(spanOf({ preset: null, from: "2026-11-01T00:00:00Z", to: "" }, "UTC", now)).toEqual({ from: "2026-11-01T00:00:00Z", to: "" });
  });
  test("are compared with as much of the period before", () => {
    expect(spanBefore(preset("7d"), "Asia/Shanghai", now)).toEqual({ from: "2026-11-11T00:00:00+08:00", to: "2026-11-17T22:02:11+08:00" });
    expect(spanBefore(preset("1h"), "UTC", now)).toEqual({ from: "2026-11-24T12:02:00Z", to: "2026-11-24T13:02:11Z" });
    expect(spanBefore(preset("yesterday"), "UTC", now)).toEqual({ from: "2026-11-22T00:00:00Z", to: "2026-11-23T00:00:00Z" });
    expect(spanBefore(preset("week"), "UTC", now)).toEqual({ from: "2026-11-16T00:00:00Z", to: "2026-11-17T14:02:11Z" });
    expect(spanBefore(preset("lastweek"), "UTC", now)).toEqual({ from: "2026-11-09T00:00:00Z", to: "2026-11-16T00:00:00Z" });
    expect(spanBefore(preset("month"), "UTC", now)).toEqual({ from: "2026-10-01T00:00:00Z", to: "2026-10-24T14:02:11Z" });
    // 31 March is after the end of February
    expect(spanBefore(preset("month"), "UTC", at("2026-03-31T10:00:00Z"))).toEqual({ from: "2026-02-01T00:00:00Z", to: "2026-03-01T00:00:00Z" });
    expect(spanBefore(preset("lastmonth"), "Europe/Berlin", at("2026-05-10T10:00:00Z"))).toEqual({ from: "2026-03-01T00:00:00+01:00", to: "2026-04-01T00:00:00+02:00" });
    expect(spanBefore(preset("today"), "UTC", now)).toEqual({ from: "2026-11-23T00:00:00Z", to: "2026-11-23T14:02:11Z" });
    expect(spanBefore(preset("24h"), "UTC", now)).toEqual({ from: "2026-11-22T14:00:00Z", to: "2026-11-23T14:02:11Z" });
    expect(spanBefore({ preset: null, from: "2026-11-10T00:00:00Z", to: "2026-11-12T00:00:00Z" }, "UTC", now)).toEqual({ from: "2026-11-08T00:00:00Z", to: "2026-11-10T00:00:00Z" });
    expect(spanBefore({ preset: null, from: "2027-01-01T00:00:00Z", to: "" }, "UTC", now)).toBeNull();
  });
});

test("a year earlier by the clock", () => {
  expect(spanYearBefore(preset("month"), "UTC", now)).toEqual({ from: "2025-11-01T00:00:00Z", to: "2025-11-24T14:02:11Z" });
  expect(spanYearBefore({ preset: null, from: "2028-02-29T00:00:00Z", to: "2028-03-01T00:00:00Z" }, "UTC", at("2029-01-01T00:00:00Z"))).toEqual({ from: "2027-03-01T00:00:00Z", to: "2027-03-01T00:00:00Z" });
});

test("how much of a period is covered by what is kept", () => {
  const span = { from: "2026-11-10T00:00:00Z", to: "2026-11-20T00:00:00Z" };
  const cases: [string | null, number][] = [["2026-01-01T00:00:00Z", 1], ["2026-11-10T00:00:00Z", 1], ["2026-11-15T00:00:00Z", 0.5], ["2026-11-19T00:00:00Z", 0.1], ["2026-11-25T00:00:00Z", 0], [null, 0]];
  for (const [oldest, want] of cases) expect(coveredShare(span, oldest)).toBeCloseTo(want);
  expect(coveredShare({ from: "", to: "" }, "2026-01-01T00:00:00Z")).toBe(0);
});

// the same cases as of the API, in internal/console/download/file_test.go
test("files are named by their range", () => {
  const zone = "Asia/Shanghai";
  const here = at("2026-11-29T06:30:00Z");
  const day = (d: string) => `2026-11-${d}T00:00:00+08:00`;
  const cases: [string, string, string][] = [
    ["", "", "until-2026-11-29"], ["", day("20"), "until-2026-11-19"], [day("23"), "", "2026-11-23_2026-11-29"], [day("29"), "", "2026-11-29"], [day("01"), day("08"), "2026-11-01_2026-11-07"],
    [day("01"), day("02"), "2026-11-01"], [day("28"), day("30"), "2026-11-28_2026-11-29"], ["2026-11-28T14:30:00+08:00", "", "2026-11-28T1430_2026-11-29T1430"],
    ["2026-11-01T01:00:00+08:00", day("02"), "2026-11-01T0100_2026-11-02T0000"],
  ];
  for (const [from, to, want] of cases) expect(rangeName({ from, to }, zone, here)).toBe(want);
});
