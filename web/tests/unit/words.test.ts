import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

interface Schema { $ref?: string; oneOf?: Schema[]; anyOf?: Schema[] }
const openapi = JSON.parse(readFileSync(fileURLToPath(new URL("../../../internal/console/testdata/openapi.json", import.meta.url)), "utf8")) as { components: { schemas: object } };
const src = fileURLToPath(new URL("../../src/", import.meta.url));
type Words = { [key: string]: string | Words };
const read = (l: string) => JSON.parse(readFileSync(`${src}i18n/${l}.json`, "utf8")) as Words;
const flat = (w: Words, prefix = ""): [string, string][] => Object.entries(w).flatMap(([k, v]) => (typeof v === "string" ? [[prefix + k, v] as [string, string]] : flat(v, prefix + k + ".")));
const en = new Map(flat(read("en")));
const zh = new Map(flat(read("zh")));
const code = (readdirSync(src, { recursive: true }) as string[]).filter((f) => /\.(vue|ts)$/.test(f)).map((f) => readFileSync(src + f, "utf8")).join("\n");
const literals = new Set([...code.matchAll(/["'`]([A-Za-z][\w.]*)["'`]/g)].map((m) => m[1]!));
const prefixes = [...code.matchAll(/\bte?\(\s*(?:["']([\w.]+\.\w*)["']\s*\+|`([\w.]+\.)\$\{)/g)].map((m) => m[1] ?? m[2]!);
const asked = [...code.matchAll(/\bt\(\s*["'`]([\w.]+)["'`]\s*[,)]/g)].map((m) => m[1]!);

describe("both languages", () => {
  test("have the same words", () => expect([...zh.keys()].sort()).toEqual([...en.keys()].sort()));
  test("have every word that the pages ask for", () => expect(asked.filter((k) => !en.has(k))).toEqual([]));
  test("have none that no page asks for", () => expect([...en.keys()].filter((k) => !literals.has(k) && !prefixes.some((p) => k.startsWith(p)))).toEqual([]));
  test("fill in the same figures", () => {
    const names = (s: string) => [...new Set(s.match(/\{\w+\}/g) ?? [])].sort();
    for (const [k, v] of en) expect(names(zh.get(k)!), k).toEqual(names(v));
  });
  test("are written, not copied", () => {
    const same = [...en].filter(([k, v]) => zh.get(k) === v).map(([k]) => k).sort();
    const brands = ["discord", "gotify", "ntfy", "opsgenie", "pagerduty", "slack", "teams", "telegram"].map((b) => "channelKind." + b);
    expect(same).toEqual([...brands, "export.json", "log.spanId", "log.traceId", "secret.anthropic", "secret.curl", "secret.openai", "welcome.claude", "welcome.cliproxy"]);
  });
  test("have words for every reason of a refusal", () => {
    const reasons = new Set<string>();
    JSON.stringify(openapi, (k, v) => {
      if (k === "reason" && Array.isArray((v as { enum?: string[] })?.enum)) for (const r of (v as { enum: string[] }).enum) reasons.add(r);
      return v as unknown;
    });
    expect(reasons.size).toBeGreaterThan(90);
    const words = flat(read("refusals.zh")).map(([k]) => k.replace("refusal.", "")).sort();
    expect(words).toEqual([...reasons].sort());
  });
  test("have words for every setting that the server has", () => {
    const schema = (ref: string) => (openapi.components.schemas as Record<string, { properties: Record<string, Schema> }>)[ref.split("/").at(-1)!]!;
    const names: string[] = [];
    const walk = (of: string, prefix: string) => {
      for (const [k, v] of Object.entries(schema(of).properties)) {
        const ref = v.$ref ?? v.oneOf?.find((x) => x.$ref)?.$ref ?? v.anyOf?.find((x) => x.$ref)?.$ref;
        if (!ref) names.push("setting." + prefix + k);
        else if (prefix === "" && ref !== "#/components/schemas/Money") {
          names.push("settingGroup." + k);
          walk(ref, k + "_");
        } else names.push("setting." + prefix + k);
      }
    };
    walk("Settings", "");
    expect(names.length).toBeGreaterThan(15);
    for (const words of [en, zh]) expect(names.filter((n) => !words.has(n))).toEqual([]);
  });
  test("call a provider 供应商 only", () => expect([...zh.values()].filter((v) => /提供商|服务商|提供者/.test(v))).toEqual([]));
  test("have no empty word", () => expect([...en, ...zh].filter(([, v]) => v.trim() === "").map(([k]) => k)).toEqual([]));
  // what is counted has separators: 3,765 calls. Times to wait and sizes of settings are formatted where they are made.
  test("sentences get their figures formatted", () => {
    const bare = [...code.matchAll(/\bt\(\s*["'`][\w.]+["'`]\s*,\s*\{[^}]*\bn:\s*([^,}]+)/g)].map((m) => m[1]!.trim()).filter((v) => !/^(exact|pointsText)\(/.test(v) && v !== "wait || 60");
    expect(bare).toEqual([]);
  });
});
