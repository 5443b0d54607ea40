// The links of notifications, as internal/alerting writes them: each opens a page of the console with the filters that it
// names. One that the page does not understand shows other calls than those that the alert is about.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseQuery } from "vue-router";
import { filterable, filtersOf, paramsOf, type Filterable } from "@/lib/filters";
import { spanOf } from "@/lib/range";

interface Link { kind: string; filter?: Partial<Record<Filterable, string[]>>; from: string; to: string; path: string }
const links = JSON.parse(readFileSync(fileURLToPath(new URL("../../../internal/alerting/testdata/links.json", import.meta.url)), "utf8")) as Link[];
const router = readFileSync(fileURLToPath(new URL("../../src/router.ts", import.meta.url)), "utf8");
const pages = new Map([...router.matchAll(/page\("\w+", "([^"]+)".*filters: (true|false|"range")/g)].map((m) => [m[1]!, m[2]! === "true"]));

describe("a link of a notification", () => {
  test("there are links of every kind", () => expect(new Set(links.map((l) => l.kind)).size).toBe(15));
  test.each(links.map((l) => [l.kind + (l.filter ? ", with filters" : ""), l] as const))("%s", (_, l) => {
    const [path, query = ""] = l.path.split("?");
    expect([...pages.keys()]).toContain(path);
    const given = parseQuery(query);
    const unknown = Object.keys(given).filter((k) => k !== "from" && k !== "to" && !(filterable as readonly string[]).includes(k));
    expect(unknown, "parameters that the page does not read").toEqual([]);
    if (query !== "") expect(pages.get(path!), "a page that does not have the filters").toBe(true);
    if (!("from" in given)) return;
    const filters = filtersOf(given);
    const params = paramsOf(filters, spanOf(filters.range, "Asia/Shanghai", Date.now()));
    expect(Date.parse(params.get("from")!)).toBe(Date.parse(l.from));
    expect(Date.parse(params.get("to")!)).toBe(Date.parse(l.to));
    for (const d of filterable) {
      const want = l.filter?.[d] ?? (d === "status" && l.kind === "error_share" ? ["error"] : []);
      expect(params.getAll(d), d).toEqual(want);
    }
  });
});
