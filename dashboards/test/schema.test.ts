// The JSON against schemas that are derived from the SDK's types: the dashboard as a whole, and each
// panel's options, each field's options and each query, which the dashboard's own type leaves open.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { createGenerator } from "ts-json-schema-generator";
import type { Dashboard, Panel, RowPanel } from "@grafana/grafana-foundation-sdk/dashboard";
import { boards } from "../src/generate.ts";
import { grafanaRules } from "../src/alerts.ts";

const sdk = join(dirname(fileURLToPath(import.meta.url)), "../node_modules/@grafana/grafana-foundation-sdk/dist");

type Check = (value: unknown, what: string) => void;
const made = new Map<string, Check>();

/** A check of a type of the SDK. What the type does not name is refused, unless it is open. */
function checkOf(module: string, type: string, open = false): Check {
  const key = `${module}.${type}`;
  const known = made.get(key);
  if (known) return known;
  const schema = createGenerator({
    path: join(sdk, module, "types.gen.d.ts"), type, skipTypeCheck: true, functions: "hide", additionalProperties: open, expose: "all", topRef: true,
  }).createSchema(type);
  const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
  const check: Check = (value, what) => assert.ok(validate(value), `${what}: ${JSON.stringify(validate.errors, null, 1)}`);
  made.set(key, check);
  return check;
}

const parsed = boards.map((b) => JSON.parse(readFileSync(new URL(`../json/${b.name}.json`, import.meta.url), "utf8")) as Dashboard);
const isRow = (p: Panel | RowPanel): p is RowPanel => p.type === "row";

for (const d of parsed) {
  test(d.title ?? "", () => {
    checkOf("dashboard", "Dashboard", true)(d, "dashboard"); // queries are an open type in it
    for (const p of (d.panels ?? []).flatMap((x) => (isRow(x) ? x.panels : [x]))) {
      const { fieldConfig, options, targets, ...own } = p;
      checkOf("dashboard", "Panel")(own, p.title ?? "");
      checkOf(p.type, "Options")(options, `${p.title}: options`);
      const custom = fieldConfig?.defaults.custom;
      if (custom) p.type === "table" ? checkOf("common", "TableFieldOptions")(custom, `${p.title}: fields`) : checkOf(p.type, "FieldConfig")(custom, `${p.title}: fields`);
      for (const q of targets ?? []) checkOf("prometheus", "Dataquery")(q, `${p.title}: query`);
    }
  });
}

test("alert rules", () => {
  const rules = JSON.parse(JSON.stringify(grafanaRules())) as { groups: { rules: { data: { refId: string; model: unknown }[] }[] }[] };
  for (const rule of rules.groups.flatMap((g) => g.rules)) {
    for (const q of rule.data) {
      const { model, ...own } = q;
      checkOf("alerting", "Query")(own, "query");
      checkOf(q.refId === "value" ? "prometheus" : "expr", q.refId === "value" ? "Dataquery" : "TypeThreshold")(model, "model");
    }
  }
});

test("the schemas refuse what is wrong", () => {
  const wrong = structuredClone(parsed[0]!) as unknown as { panels: { gridPos: { w: unknown } }[] };
  wrong.panels[1]!.gridPos.w = "wide";
  assert.throws(() => checkOf("dashboard", "Dashboard", true)(wrong, ""));
  assert.throws(() => checkOf("stat", "Options")({ graphMode: "colourful" }, ""));
  assert.throws(() => checkOf("prometheus", "Dataquery")({ refId: "A", expression: "1" }, ""));
});
