import type { AlertRule, AlertRuleSpec } from "@/api/types";
import { calendars, isOfBudgets, isOfCalls, isWindowed, needsCalls, scaleOf, unitOf, windowsOf, type Kind } from "./alerts";
import { namesOf } from "./budgetForm";
import type { Filterable } from "./filters";
import { amount } from "./keyForm";

/** What a rule can be limited by: those of the filters of the pages that rules know. */
export const ruleFilters = ["model", "provider", "key", "user", "service", "project", "status", "service_tier", "account"] as const satisfies readonly Filterable[];
export type RuleFilter = (typeof ruleFilters)[number];

export interface QuietForm { days: number[]; from: string; to: string; timezone: string }

/** A rule as it stands in the form: texts, as people type them. */
export interface RuleForm {
  name: string;
  kind: Kind;
  severity: AlertRuleSpec["severity"];
  enabled: boolean;
  limit: string;
  window: string;
  timezone: string;
  minCalls: string;
  budget: string;
  source: string;
  dimension: string;
  /** minutes */
  hold: string;
  /** seconds */
  repeat: number;
  resolved: boolean;
  quiet: QuietForm[];
  channels: string[];
  /** `was` are the values that the text was made of: one may have a comma in it */
  filter: { by: RuleFilter; values: string; was?: string[] }[];
  /** what the rule is limited by beside that, which the form leaves as it is */
  others: NonNullable<AlertRuleSpec["filter"]>;
}

const seconds = (minutes: string): number => Math.round((amount(minutes) ?? 0) * 60);

export function formOfRule(name: string, r: AlertRuleSpec): RuleForm {
  const f = r.filter ?? {};
  return {
    name, kind: r.kind, severity: r.severity, enabled: r.enabled, limit: r.limit ? String(r.limit / scaleOf(unitOf(r.kind))) : "", window: r.window ?? "24h", timezone: r.timezone ?? "",
    minCalls: r.min_calls ? String(r.min_calls) : "", budget: r.budget ?? "", source: r.source ?? "", dimension: r.dimension ?? "model", hold: r.for_seconds ? String(r.for_seconds / 60) : "",
    repeat: r.repeat_seconds ?? 0, resolved: r.send_resolved ?? false, channels: [...(r.channels ?? [])],
    quiet: (r.quiet ?? []).map((q) => ({ days: [...(q.days ?? [])], from: q.from, to: q.to, timezone: q.timezone })),
    filter: ruleFilters.filter((d) => f[d]?.length).map((by) => ({ by, values: f[by]!.join(", "), was: f[by]! })),
    others: Object.fromEntries(Object.entries(f).filter(([by]) => !(ruleFilters as readonly string[]).includes(by))),
  };
}

/** The limit in its unit; NaN where the text is none that can be meant. */
export function ruleLimit(f: RuleForm): number {
  const unit = unitOf(f.kind);
  const n = amount(f.limit.replace(/[%×x]/i, "")) ?? Number.NaN;
  return n > 0 ? Number((n * scaleOf(unit)).toFixed(6)) : Number.NaN;
}

/** The names of the fields whose text is not one that can be meant. */
export function wrongInRule(f: RuleForm): string[] {
  const out: string[] = [];
  if (unitOf(f.kind) && Number.isNaN(ruleLimit(f))) out.push("limit");
  if (Number.isNaN(amount(f.hold) ?? 0)) out.push("hold");
  const least = amount(f.minCalls) ?? 0;
  if (needsCalls(f.kind) && !Number.isInteger(least)) out.push("minCalls");
  return out;
}

/** What the API takes of a form: what its kind does not have is left out. */
export function ruleBody(f: RuleForm): AlertRuleSpec {
  const k = f.kind;
  const chosen = Object.fromEntries(f.filter.map((x) => [x.by, x.was?.join(", ") === x.values ? x.was : namesOf(x.values)] as const).filter(([, v]) => v.length > 0));
  const filter: NonNullable<AlertRuleSpec["filter"]> = { ...f.others, ...chosen };
  const calendar = isWindowed(k) && calendars.includes(f.window);
  return {
    kind: k, severity: f.severity, enabled: f.enabled,
    ...(unitOf(k) ? { limit: ruleLimit(f) } : {}),
    ...(isWindowed(k) ? { window: (windowsOf(k).includes(f.window) ? f.window : "1h") as NonNullable<AlertRuleSpec["window"]> } : {}),
    ...(calendar && f.timezone ? { timezone: f.timezone } : {}),
    ...(needsCalls(k) && f.minCalls.trim() ? { min_calls: amount(f.minCalls)! } : {}),
    ...(isOfBudgets(k) && f.budget ? { budget: f.budget } : {}),
    ...(k === "source_gap" && f.source.trim() ? { source: f.source.trim() } : {}),
    ...(k === "key_first_use" ? { dimension: f.dimension as NonNullable<AlertRuleSpec["dimension"]> } : {}),
    ...(k !== "key_first_use" && seconds(f.hold) ? { for_seconds: seconds(f.hold) } : {}),
    ...(f.repeat ? { repeat_seconds: f.repeat } : {}),
    ...(f.resolved ? { send_resolved: true } : {}),
    ...(isOfCalls(k) && Object.keys(filter).length ? { filter } : {}),
    ...(f.quiet.length ? { quiet: f.quiet.map((q) => ({ ...(q.days.length ? { days: [...q.days].sort() } : {}), from: q.from, to: q.to, timezone: q.timezone })) } : {}),
    ...(f.channels.length ? { channels: f.channels } : {}),
  };
}

/** What a stored rule says, without what the server adds. */
export const specOf = (r: AlertRule): AlertRuleSpec => ruleBody(formOfRule(r.name, r));
