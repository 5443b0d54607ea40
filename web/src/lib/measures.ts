// What Explore shows of groups: the sums of the API, and the ratios and times that it makes of them.
import type { Measured, Point, Sums } from "@/api/types";
import { allMeasures, costOf } from "./tokens";

export const ratios = ["error_rate", "cache_share", "cost_per_call_usd", "cost_per_million_usd"] as const;
export const timed = ["latency_p50_ms", "latency_p95_ms", "ttft_p50_ms", "ttft_p95_ms", "tokens_per_second"] as const;
export const everyMeasure = [...allMeasures, ...ratios, ...timed] as const;
export type EveryMeasure = (typeof everyMeasure)[number];
type Sum = (typeof allMeasures)[number];

const has = (list: readonly string[], m: string): boolean => list.includes(m);
export const isSum = (m: EveryMeasure): m is Sum => has(allMeasures, m);
export const isTimed = (m: EveryMeasure): boolean => has(timed, m);
export const isCost = (m: EveryMeasure): boolean => m.startsWith("cost_");

export type Kind = "count" | "usd" | "percent" | "ms" | "rate";
export function kindOfMeasure(m: EveryMeasure): Kind {
  if (isCost(m)) return "usd";
  if (m === "error_rate" || m === "cache_share") return "percent";
  return m.endsWith("_ms") ? "ms" : m === "tokens_per_second" ? "rate" : "count";
}

/** A measure of a group; null where it is not known. */
export function valueOf(r: Measured, m: EveryMeasure): number | null {
  switch (m) {
    case "cost_usd": return costOf(r);
    case "latency_p50_ms": return r.latency_ms?.p50 ?? null;
    case "latency_p95_ms": return r.latency_ms?.p95 ?? null;
    case "ttft_p50_ms": return r.ttft_ms?.p50 ?? null;
    case "ttft_p95_ms": return r.ttft_ms?.p95 ?? null;
    case "tokens_per_second": return r.tokens_per_second ?? null;
    default: return r[m] ?? null;
  }
}

/** The difference of a measure as the API has it: of a sum it is exact. */
export const differenceOf = (r: Measured, m: EveryMeasure): number | null => (m === "cost_usd" ? r.cost_usd : valueOf(r, m));

/** The sum that the groups of a chart over time are chosen by. */
export function rankSum(m: EveryMeasure): keyof Sums {
  if (isSum(m)) return m;
  if (isCost(m)) return "cost_usd";
  return m === "error_rate" ? "error_count" : m === "cache_share" ? "cache_read_tokens" : "api_call_count";
}

const over = (a: number, b: number, factor = 1): number | null => (b > 0 ? (a * factor) / b : null);

/** A measure of an interval of time; null where it is not known. Times are of all calls only. */
export function valueAt(p: Point, m: EveryMeasure): number | null {
  if (isSum(m)) return p[m];
  switch (m) {
    case "error_rate": return over(p.error_count, p.api_call_count);
    case "cache_share": return over(p.cache_read_tokens, p.input_tokens);
    case "cost_per_call_usd": return p.cost_usd === 0 && p.unpriced_count > 0 ? null : over(p.cost_usd, p.api_call_count);
    case "cost_per_million_usd": return p.cost_usd === 0 && p.unpriced_count > 0 ? null : over(p.cost_usd, p.total_tokens, 1_000_000);
    case "tokens_per_second": return p.tokens_per_second ?? null;
    default: return (m.startsWith("latency") ? p.latency_ms : p.ttft_ms)?.[m.includes("p95") ? "p95" : "p50"] ?? null;
  }
}
