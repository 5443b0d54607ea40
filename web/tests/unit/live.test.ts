import { expect, test } from "vitest";
import { defaultRange, presets, spanOf } from "../../src/lib/range";
import { liveQuery } from "../../src/lib/live";

const now = Date.parse("2026-11-25T12:00:00Z");

test("nothing comes in to a range that has ended, whether its end is a moment or a preset's", () => {
  const over = presets.filter((preset) => {
    const span = spanOf({ ...defaultRange, preset }, "UTC", now);
    const p = new URLSearchParams({ from: span.from, ...(span.to ? { to: span.to } : {}), model: "m" });
    return liveQuery(p) === null;
  });
  expect(over).toEqual(["yesterday", "lastweek", "lastmonth"]);
  expect(liveQuery("from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z")).toBeNull();
});

test("the stream is asked with the filters, without the range and what it does not know", () => {
  expect(liveQuery("from=2026-11-01T00:00:00Z&model=a&model=b&superseded=true", ["superseded"])).toBe("model=a&model=b");
});
