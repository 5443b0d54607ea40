import { describe, expect, test } from "vitest";
import { anySet, filtersOf, paramsOf, queryOf, withOnly, withValue, type Filters } from "@/lib/filters";

describe("filters live in the URL", () => {
  const cases: [string, Record<string, string | string[]>, Record<string, string | string[]>][] = [
    ["nothing is the last seven days", {}, {}],
    ["a preset", { range: "30d" }, { range: "30d" }],
    ["the usual preset is left out", { range: "7d" }, {}],
    ["an unknown preset is the usual", { range: "1000y" }, {}],
    ["fixed moments", { from: "2026-11-01T00:00:00+08:00", to: "2026-11-02T00:00:00+08:00" }, { from: "2026-11-01T00:00:00+08:00", to: "2026-11-02T00:00:00+08:00" }],
    ["an open end", { from: "2026-11-01T00:00:00Z" }, { from: "2026-11-01T00:00:00Z" }],
    ["moments that are none", { from: "yesterday", to: "<script>" }, {}],
    ["an end before its start", { from: "2026-11-02T00:00:00Z", to: "2026-11-01T00:00:00Z" }, {}],
    ["values, each once, empty ones left out", { model: ["a", "b", "a", ""], status: "429" }, { model: ["a", "b"], status: ["429"] }],
    ["what belongs to others is left alone", { q: "x", by: "user" }, {}],
  ];
  test.each(cases)("%s", (_, query, want) => expect(queryOf(filtersOf(query))).toEqual(want));
});

test("filters become parameters of the API", () => {
  const f = filtersOf({ model: ["gpt-4o", "a&b=c"], key: "k 1", status: ["error", "429"] });
  expect(paramsOf(f, { from: "2026-11-01T00:00:00+08:00", to: "" }).toString())
    .toBe("from=2026-11-01T00%3A00%3A00%2B08%3A00&model=gpt-4o&model=a%26b%3Dc&key=k+1&status=error&status=429");
});

test("filters are changed by making others", () => {
  const none: Filters = filtersOf({});
  const one = withValue(withValue(none, "model", "a"), "model", "a");
  expect(one.values.model).toEqual(["a"]);
  expect(withOnly(withValue(one, "model", "b"), "model", "c").values.model).toEqual(["c"]);
  expect([anySet(none), anySet(one)]).toEqual([false, true]);
});
