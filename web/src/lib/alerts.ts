// What alerts and their rules say, in words and figures of a language.
import type { AlertRuleSpec } from "@/api/types";
import { absent, count, duration, exact, percent, tag, usd, type Locale } from "./format";

export type Kind = AlertRuleSpec["kind"];
export const kinds = [
  "budget_used", "budget_projected", "spend", "tokens", "spend_unusual", "error_share", "no_usage_share", "unpriced", "latency_p95", "ttft_p95", "silence", "source_gap", "key_expiry", "key_first_use", "store_trouble",
] as const satisfies readonly Kind[];
export const severities = ["info", "warning", "critical"] as const;

const windowed: readonly Kind[] = ["spend", "tokens", "error_share", "no_usage_share", "unpriced", "latency_p95", "ttft_p95"];
/** Whether it looks at the calls of a window. */
export const isWindowed = (k: Kind): boolean => windowed.includes(k);
/** Whether it looks at calls, so that filters can limit it. */
export const isOfCalls = (k: Kind): boolean => isWindowed(k) || k === "spend_unusual" || k === "silence" || k === "key_first_use";
const shares: readonly Kind[] = ["error_share", "no_usage_share", "latency_p95", "ttft_p95"];
/** Whether few calls say nothing. */
export const needsCalls = (k: Kind): boolean => shares.includes(k);
export const isOfBudgets = (k: Kind): boolean => k === "budget_used" || k === "budget_projected";

const rolling = ["5m", "15m", "30m", "1h", "6h", "24h"] as const;
export const calendars: readonly string[] = ["day", "week", "month"];
export const windowsOf = (k: Kind): readonly string[] => (k === "latency_p95" || k === "ttft_p95" ? rolling : [...rolling, "7d", "30d", ...calendars]);

const units: Partial<Record<Kind, string>> = {
  spend: "USD", tokens: "tokens", unpriced: "calls", budget_used: "percent", budget_projected: "percent", error_share: "percent", no_usage_share: "percent",
  spend_unusual: "multiple", latency_p95: "ms", ttft_p95: "ms", silence: "s", source_gap: "s", key_expiry: "days",
};
/** What the limit of a kind is measured in; "" where it has none. */
export const unitOf = (k: Kind): string => units[k] ?? "";
/** In a form, people type seconds and minutes. */
export const scaleOf = (unit: string): number => (unit === "ms" ? 1000 : unit === "s" ? 60 : 1);

type Unit = "second" | "minute" | "hour" | "day";

/** A span of time in its largest whole unit: 90 s, 5 min, 4 h, 7 days. */
export function spanText(l: Locale, seconds: number): string {
  const [unit, size] = ([["day", 86_400], ["hour", 3600], ["minute", 60]] as [Unit, number][]).find(([, n]) => seconds >= n && seconds % n === 0) ?? (["second", 1] as [Unit, number]);
  return new Intl.NumberFormat(tag(l), { style: "unit", unit, unitDisplay: unit === "day" ? "long" : "short" }).format(seconds / size);
}

/** A span that lasted: its two largest units at most. */
export function lastedText(l: Locale, seconds: number): string {
  if (seconds < 60) return spanText(l, Math.max(0, Math.round(seconds)));
  const minutes = Math.round(seconds / 60);
  const parts = [[Math.floor(minutes / 1440), 86_400], [Math.floor((minutes % 1440) / 60), 3600], [minutes % 60, 60]] as const;
  return parts.filter(([n]) => n > 0).slice(0, 2).map(([n, size]) => spanText(l, n * size)).join(" ");
}

/** A value or a limit in its unit. */
export function quantity(l: Locale, v: number | null | undefined, unit: string): string {
  if (v === null || v === undefined) return absent;
  switch (unit) {
    case "USD": return usd(l, v);
    case "percent": return percent(l, v / 100);
    case "multiple": return "×" + exact(l, Math.round(v * 10) / 10);
    case "ms": return duration(l, v);
    case "s": return lastedText(l, v);
    case "days": return spanText(l, Math.round(v) * 86_400);
    case "": return "";
    default: return count(l, v);
  }
}

export const tone = (severity: string): string => (severity === "critical" ? "bad" : severity === "warning" ? "warn" : "");
