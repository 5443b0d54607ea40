import { expect, test } from "vitest";
import { filtersOf } from "@/lib/filters";
import { grafanaLink } from "@/lib/grafana";

const base = "https://grafana.example/sub/d/tokenboard-overview";

test("a dashboard has the page's filters that it knows, and its time", () => {
  const f = filtersOf({ model: ["a", "b&c"], key: "build farm", user: "alice" });
  expect(grafanaLink(base, f, { from: "2026-11-01T00:00:00Z", to: "2026-11-02T00:00:00+08:00" }))
    .toBe(base + "?from=1793491200000&to=1793548800000&var-model=a&var-model=b%26c&var-key=build+farm");
});

test("a range that ends now ends now there", () => {
  expect(grafanaLink(base, filtersOf({}), { from: "2026-11-01T00:00:00Z", to: "" })).toBe(base + "?from=1793491200000&to=now");
});
