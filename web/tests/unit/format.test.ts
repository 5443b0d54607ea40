import { describe, expect, test } from "vitest";
import {
  absent, ago, change, clip, count, countIn, countOnAxis, duration, durationIn, exact, extentOf, isolate, percent, percentIn, points, pointsText, usd, usdExact, usdIn, type Extent, type Locale,
} from "@/lib/format";

describe("count", () => {
  const cases: [number | null | undefined, string, string][] = [
    [null, absent, absent], [undefined, absent, absent], [Number.NaN, absent, absent],
    [0, "0", "0"], [7, "7", "7"], [9999, "9,999", "9,999"], [3270.6, "3,271", "3,271"], [2.25, "2.3", "2.3"],
    [12_345, "12.35K", "1.235万"], [65_400_000, "65.4M", "6540万"], [123_456_789, "123.5M", "1.235亿"], [2_000_000_000, "2.00B", "20.0亿"], [-12_345, "-12.35K", "-1.235万"],
  ];
  test.each(cases)("%s", (v, en, zh) => {
    expect(count("en", v)).toBe(en);
    expect(count("zh", v)).toBe(zh);
  });
  test("on an axis no zeros that say nothing", () => {
    expect(countOnAxis("en", 1_000_000)).toBe("1M");
    expect(countOnAxis("zh", 500_000)).toBe("50万");
  });
  test("every digit", () => expect(exact("zh", 123_456_789)).toBe("123,456,789"));
});

describe("money has the digits that it deserves", () => {
  const cases: [number | null, string, string][] = [
    [null, absent, absent], [0, "$0", "$0"], [0.0042, "$0.0042", "$0.0042"], [0.000165432, "$0.000165", "$0.000165"], [0.5, "$0.50", "$0.50"],
    [84.12, "$84.12", "$84.12"], [1234.5, "$1,234.50", "$1,234.50"], [12_345, "$12.35K", "$1.235万"],
  ];
  test.each(cases)("%s", (v, en, zh) => {
    expect(usd("en", v)).toBe(en);
    expect(usd("zh", v)).toBe(zh);
  });
  test("exactly", () => expect(usdExact("en", 0.000165432)).toBe("$0.000165432"));
});

test("shares, durations, changes", () => {
  expect([0, 0.00042, 0.004, 0.116, 0.5, 1].map((v) => percent("en", v))).toEqual(["0%", "0.042%", "0.4%", "11.6%", "50%", "100%"]);
  expect([null, 4.25, 840, 2410, 12_345, 190_000].map((v) => duration("en", v))).toEqual([absent, "4.3 ms", "840 ms", "2.41 s", "12.3 s", "3.2 min"]);
  expect(change(12, 10)).toBeCloseTo(0.2);
  expect([change(1, 0), change(null, 1), change(1, undefined)]).toEqual([null, null, null]);
});

describe("the figures of a column", () => {
  const places = (s: string) => /[.,](\d+)\D*$/.exec(s.replaceAll(/,(?=\d{3})/g, ""))?.[1]?.length ?? 0;
  test("have as many places each, in both languages", () => {
    const columns: [number[], (l: Locale, v: number, column: Extent) => string][] = [
      [[1_083_000, 1_130_000, 93_040, 85_460, 218_200_000, 2_100_000_000], countIn], [[1, 999, 85_460, 932_000], countIn],
      [[0.0042, 0.165, 12.3456, 84.12], usdIn], [[0.165, 84.12, 335.19, 12_345.6], usdIn], [[0.000165, 0.0042], usdIn],
      [[0.004, 0.116, 0.5, 1], (l, v) => percentIn(l, v)], [[4.25, 840], durationIn], [[400, 15_000, 58_900, 190_000], durationIn],
    ];
    for (const [values, text] of columns)
      for (const l of ["en", "zh"] as const) expect(new Set(values.map((v) => places(text(l, v, extentOf(values))))).size, values.join(" ")).toBe(1);
  });
  test("are what one reads elsewhere", () => {
    const of = (most: number, least = most): Extent => ({ most, least });
    expect([countIn("en", 85_460, of(932_000)), countIn("en", 85_460, of(2e6)), countIn("zh", 65_400_000, of(65_400_000)), countIn("en", 9999, of(2e6)), countIn("en", 523, of(600.5))]).toEqual(["85,460", "85.46K", "6540.00万", "9,999", "523"]);
    expect([usdIn("en", 0.0042, of(84, 0.0042)), usdIn("en", 84.12, of(84.12, 0.0042)), usdIn("en", 84.12, of(84.12, 0.5)), usdIn("en", 0.0042, of(840, 0.0042)), usdIn("en", 0, of(840)), usdIn("zh", 2_345_678, of(3e6))]).toEqual(["$0.0042", "$84.1200", "$84.12", "<$0.01", "$0.00", "$234.57万"]);
    expect([durationIn("en", 400, of(59_000)), durationIn("en", 400, of(900)), percentIn("en", 0.0004)]).toEqual(["0.40 s", "400 ms", "<0.1%"]);
    expect([countIn("en", null, of(1)), usdIn("en", undefined, of(1)), percentIn("en", null), durationIn("en", null, of(1))]).toEqual([absent, absent, absent, absent]);
  });
});

test("a change of a share is in percentage points", () => {
  expect(points(0.042, 0.021)).toBeCloseTo(2.1);
  expect([points(null, 1), points(1, undefined)]).toEqual([null, null]);
  expect(points(0.5, 0)).toBe(50); // from nothing, too
  expect([pointsText("en", -2.14), pointsText("en", 0.034), pointsText("zh", 12.35)]).toEqual(["2.1", "0.03", "12.4"]);
});

test("how long ago", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  const cases: [Locale, string, string][] = [["en", "2026-11-24T11:57:00Z", "3 minutes ago"], ["en", "2026-11-22T12:00:00Z", "2 days ago"], ["zh", "2026-11-24T10:00:00Z", "2小时前"]];
  for (const [l, at, want] of cases) expect(ago(l, at, now)).toBe(want);
  expect(ago("en", null, now)).toBe(absent);
});

describe("texts of telemetry", () => {
  test("are cut, and not in the middle of a letter", () => {
    expect(clip("x".repeat(10_000))).toHaveLength(301);
    expect(clip("ab😀cd", 3)).toBe("ab…");
    expect(clip("short")).toBe("short");
  });
  test("keep their direction to themselves", () => expect(isolate("a\u202Eb")).toBe("\u2068a\u202Eb\u2069"));
});
