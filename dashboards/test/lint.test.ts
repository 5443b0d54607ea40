// What every dashboard must have. The queries themselves are run by e2e/grafana_test.go.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Dashboard, Panel, RowPanel } from "@grafana/grafana-foundation-sdk/dashboard";
import * as units from "@grafana/grafana-foundation-sdk/units";
import { boards, generate } from "../src/generate.ts";

interface Target { expr: string; refId: string; datasource?: { type: string; uid: string } }
const dashboards = boards.map((b) => JSON.parse(readFileSync(new URL(`../json/${b.name}.json`, import.meta.url), "utf8")) as Dashboard);
const isRow = (p: Panel | RowPanel): p is RowPanel => p.type === "row";
const panelsOf = (d: Dashboard): Panel[] => (d.panels ?? []).flatMap((p) => (isRow(p) ? p.panels : [p]));
const targetsOf = (p: Panel): Target[] => (p.targets ?? []) as unknown as Target[];
const source = { type: "prometheus", uid: "${datasource}" };
const known = new Set<unknown>(Object.values(units));

/** The counters are known by their names, which is a convention that the metrics keep. */
const counter = /\btokenboard_\w+_total\b/g;

/** The calls of functions around a place of a query. */
function around(expr: string, place: number): string[] {
  const open: string[] = [];
  for (let i = 0; i < place; i++) {
    if (expr[i] === "(") open.push(/(\w+)$/.exec(expr.slice(0, i))?.[1] ?? "");
    if (expr[i] === ")") open.pop();
  }
  return open;
}

for (const d of dashboards) {
  test(d.title ?? "", async (t) => {
    await t.test("each panel has title, description, a known unit and the data source's variable", () => {
      for (const p of panelsOf(d)) {
        assert.ok(p.title && p.description && p.description.endsWith("."), `panel ${p.id}`);
        assert.ok(known.has(p.fieldConfig?.defaults.unit ?? ""), `${p.title}: unit ${p.fieldConfig?.defaults.unit}`);
        assert.deepEqual(p.datasource, source, p.title);
        assert.ok(targetsOf(p).length > 0, p.title);
        for (const q of targetsOf(p)) assert.deepEqual(q.datasource, source, p.title);
        assert.equal(new Set(targetsOf(p).map((q) => q.refId)).size, targetsOf(p).length, `${p.title}: refIds`);
        for (const o of p.fieldConfig?.overrides ?? []) for (const x of o.properties) if (x.id === "unit") assert.ok(known.has(x.value as string), `${p.title}: unit ${x.value}`);
      }
    });
    await t.test("uid, title, ids and places", () => {
      assert.match(d.uid ?? "", /^tokenboard-[a-z-]+$/);
      assert.match(d.title ?? "", /^Tokenboard \/ /);
      assert.deepEqual(d.tags, ["tokenboard"]);
      const all = (d.panels ?? []).flatMap((p) => (isRow(p) ? [p, ...p.panels] : [p]));
      assert.ok(all.every((p) => Number.isInteger(p.id) && p.id! > 0));
      assert.equal(new Set(all.map((p) => p.id)).size, all.length, "ids are not unique");
      assert.equal(new Set(panelsOf(d).map((p) => p.title)).size, panelsOf(d).length, "titles are not unique");
      const taken = new Set<string>();
      for (const { gridPos: g, title } of all) {
        assert.ok(g && g.x >= 0 && g.x + g.w <= 24, title ?? "");
        for (let x = g.x; x < g.x + g.w; x++) for (let y = g.y; y < g.y + g.h; y++) {
          assert.ok(!taken.has(`${x},${y}`), `${title} lies on another panel`);
          taken.add(`${x},${y}`);
        }
      }
    });
    await t.test("counters stand in rate or increase, of $__rate_interval or $__range; the row Ever shows last values", () => {
      for (const p of panelsOf(d)) {
        for (const { expr } of targetsOf(p)) {
          for (const m of expr.matchAll(counter)) {
            const inside = around(expr, m.index).some((f) => f === "rate" || f === "increase");
            assert.ok(inside || (p.title!.endsWith(" ever") && expr.startsWith(`sum(${m[0]}{`)), `${p.title}: ${m[0]} in ${expr}`);
          }
          for (const m of expr.matchAll(/\[([^\]]*)\]/g)) {
            assert.ok(m[1] === "$__rate_interval" || m[1] === "$__range", `${p.title}: [${m[1]}]`);
            if (p.type === "timeseries" || p.type === "heatmap") assert.equal(m[1], "$__rate_interval", p.title);
          }
        }
      }
    });
    await t.test("variables: the data source first, each chained to those before it, all used", () => {
      const list = d.templating.list ?? [];
      assert.equal(list[0]?.type, "datasource");
      assert.equal(list[0]?.query, "prometheus");
      const before: string[] = [];
      for (const v of list.filter((x) => x.type === "query")) {
        const q = (v.query as { query: string }).query;
        assert.equal(q, `label_values(tokenboard_calls_total${before.length ? `{${before.map((b) => `${b}=~"$${b}"`).join(",")}}` : ""}, ${v.name})`);
        assert.deepEqual(v.datasource, source);
        assert.ok(v.includeAll && v.multi && v.allValue === ".*");
        before.push(v.name);
        assert.ok(panelsOf(d).some((p) => targetsOf(p).some((x) => x.expr.includes(`$${v.name}"`))), `${v.name} is not used`);
      }
      assert.equal(list.at(-1)?.name, "console");
    });
    await t.test("queries name nothing but labels of ours, and only variables that there are", () => {
      const names = new Set((d.templating.list ?? []).map((v) => v.name));
      for (const p of panelsOf(d)) {
        for (const { expr } of targetsOf(p)) {
          for (const [, label, value] of expr.matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g)) {
            const variable = /^\$(\w+)$/.exec(value!)?.[1];
            if (variable) {
              assert.equal(variable, label, p.title);
              assert.ok(names.has(variable), `${p.title}: $${variable}`);
            } else {
              assert.ok(label === "kind" || value === "", `${p.title}: ${label}="${value}" is a name that not everybody has`);
            }
          }
          assert.ok(/instance=~"\$instance"/.test(expr), `${p.title}: no instance is chosen in ${expr}`);
        }
      }
    });
    await t.test("links lead to the console and to the other dashboards", () => {
      assert.ok(d.links?.some((l) => l.type === "dashboards" && l.includeVars && l.keepTime && l.tags.includes("tokenboard")));
      const console = d.links?.find((l) => l.url?.startsWith("${console}/"));
      assert.ok(console?.url?.includes("from=${__from:date:iso}&to=${__to:date:iso}"));
      for (const v of d.templating.list ?? []) if (["provider", "model", "service", "key"].includes(v.name)) assert.ok(console?.url?.includes(`\${${v.name}:queryparam}`), v.name);
      assert.doesNotMatch(JSON.stringify(d), /https?:\/\/(?!localhost:8317)/);
    });
  });
}

test("uids are those that links and bookmarks know", () => {
  assert.deepEqual(dashboards.map((d) => d.uid), ["tokenboard-overview", "tokenboard-models", "tokenboard-keys-and-users", "tokenboard-cost-and-budgets", "tokenboard-latency", "tokenboard-collector-health"]);
});

test("what is committed is what the source gives, twice", () => {
  const first = generate();
  assert.deepEqual([...generate()], [...first]);
  for (const [name, text] of first) assert.equal(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"), text, `${name} is stale: make dashboards`);
});
