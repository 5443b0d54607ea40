import type { Key, Limits } from "@/api/types";
import { clockAt, startOfDate, rfc3339 } from "./zone";

export const periods = ["day", "week", "month", "total"] as const;
export type Period = (typeof periods)[number];

/** A key as it stands in the form: texts, as people type them. */
export interface KeyForm {
  name: string;
  description: string;
  owner: string;
  models: string;
  /** the last day on which the key is good, YYYY-MM-DD */
  lastDay: string;
  requestsPerMinute: string;
  tokensPerMinute: string;
  tokens: Record<Period, string>;
  usd: Record<Period, string>;
}

const emptyPeriods = (): Record<Period, string> => ({ day: "", week: "", month: "", total: "" });

export const emptyForm = (): KeyForm => ({
  name: "", description: "", owner: "", models: "", lastDay: "", requestsPerMinute: "", tokensPerMinute: "", tokens: emptyPeriods(), usd: emptyPeriods(),
});

const text = (n: number | null | undefined): string => (n === null || n === undefined ? "" : String(n));

export function formOf(k: Key, zone: string): KeyForm {
  const f = emptyForm();
  const l = k.limits;
  Object.assign(f, { name: k.name, description: k.description, owner: k.owner, models: (k.models ?? []).join(", ") });
  if (k.expires_at) {
    const c = clockAt(zone, Date.parse(k.expires_at) - 1000);
    f.lastDay = [c.year, String(c.month).padStart(2, "0"), String(c.day).padStart(2, "0")].join("-");
  }
  f.requestsPerMinute = text(l?.requests_per_minute);
  f.tokensPerMinute = text(l?.tokens_per_minute);
  for (const p of periods) {
    f.tokens[p] = text(l?.tokens?.[p]);
    f.usd[p] = text(l?.usd?.[p]);
  }
  return f;
}

/** 1,000,000 and 1_000_000 and 5M and 20万 are what people type; NaN is what is none of it, null is nothing. */
export function amount(s: string): number | null {
  const m = /^(\d+(?:\.\d+)?)([kmb万亿]?)$/i.exec(s.replaceAll(/[\s,_$]/g, ""));
  if (s.trim() === "") return null;
  if (!m) return Number.NaN;
  const unit = { "": 1, k: 1e3, m: 1e6, b: 1e9, 万: 1e4, 亿: 1e8 }[m[2]!.toLowerCase()] ?? 1;
  return Number((Number(m[1]) * unit).toFixed(9));
}

/** The fields whose text is no amount. */
export function wrongFields(f: KeyForm): string[] {
  const out: string[] = [];
  const check = (name: string, s: string, whole: boolean) => {
    const n = amount(s);
    if (n !== null && (Number.isNaN(n) || n <= 0 || (whole && !Number.isInteger(n)))) out.push(name);
  };
  check("requestsPerMinute", f.requestsPerMinute, true);
  check("tokensPerMinute", f.tokensPerMinute, true);
  for (const p of periods) {
    check("tokens." + p, f.tokens[p], true);
    check("usd." + p, f.usd[p], false);
  }
  return out;
}

export function limitsOf(f: KeyForm): Limits | null {
  const l: Limits = {};
  const set = <K extends "requests_per_minute" | "tokens_per_minute">(k: K, s: string) => {
    const n = amount(s);
    if (n !== null) l[k] = n;
  };
  set("requests_per_minute", f.requestsPerMinute);
  set("tokens_per_minute", f.tokensPerMinute);
  for (const kind of ["tokens", "usd"] as const)
    for (const p of periods) {
      const n = amount(f[kind][p]);
      if (n !== null) (l[kind] ??= {})[p] = n;
    }
  return Object.keys(l).length > 0 ? l : null;
}

const modelsOf = (s: string): string[] => s.split(/[\s,，]+/).filter(Boolean);

export function expiryOf(day: string, zone: string): string | null {
  const m = /^(\d+)-(\d+)-(\d+)$/.exec(day);
  return m ? rfc3339(zone, startOfDate(zone, Number(m[1]), Number(m[2]), Number(m[3]) + 1)) : null;
}

/** The body that makes a key: only what was filled in. */
export function createBody(f: KeyForm, zone: string): Record<string, unknown> {
  const out: Record<string, unknown> = { name: f.name.trim(), description: f.description.trim() };
  const models = modelsOf(f.models);
  const limits = limitsOf(f);
  const expires = expiryOf(f.lastDay, zone);
  if (f.owner.trim()) out["owner"] = f.owner.trim();
  if (models.length) out["models"] = models;
  if (limits) out["limits"] = limits;
  if (expires) out["expires_at"] = expires;
  return out;
}

/** The body that changes a key: only what differs from what it was; null clears. */
export function changeBody(was: KeyForm, f: KeyForm, zone: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const k of ["name", "description", "owner"] as const) if (f[k].trim() !== was[k]) out[k] = f[k].trim();
  if (modelsOf(f.models).join() !== modelsOf(was.models).join()) out["models"] = modelsOf(f.models).length ? modelsOf(f.models) : null;
  if (f.lastDay !== was.lastDay) out["expires_at"] = expiryOf(f.lastDay, zone);
  if (JSON.stringify(limitsOf(f)) !== JSON.stringify(limitsOf(was))) out["limits"] = limitsOf(f);
  return out;
}
