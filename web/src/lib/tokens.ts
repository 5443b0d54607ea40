import type { Sums } from "@/api/types";

type Figures = Pick<Sums, "input_tokens" | "output_tokens" | "cache_read_tokens" | "cache_write_tokens" | "reasoning_tokens">;

export type PartKind = "input" | "cache_read" | "cache_write" | "output" | "reasoning";
export interface Part { kind: PartKind; tokens: number; swatch: string }

/** The exclusive parts that tokens divide into: what the API calls input holds the cache, output holds reasoning. */
export function tokenParts(s: Figures): Part[] {
  return [
    { kind: "input", tokens: Math.max(0, s.input_tokens - s.cache_read_tokens - s.cache_write_tokens), swatch: "s-in" },
    { kind: "cache_read", tokens: s.cache_read_tokens, swatch: "s-read" },
    { kind: "cache_write", tokens: s.cache_write_tokens, swatch: "s-write" },
    { kind: "output", tokens: Math.max(0, s.output_tokens - s.reasoning_tokens), swatch: "s-out" },
    { kind: "reasoning", tokens: s.reasoning_tokens, swatch: "s-reason" },
  ];
}

/** The share of input that came from a cache; null where there was no input. */
export const cacheShare = (s: Figures): number | null => (s.input_tokens > 0 ? s.cache_read_tokens / s.input_tokens : null);

/** The cost of sums; null where none is known: calls without a price cost something, but nobody knows what. */
export const costOf = (s: Pick<Sums, "cost_usd" | "unpriced_count">): number | null => (s.cost_usd === 0 && s.unpriced_count > 0 ? null : s.cost_usd);

export const measures = ["total_tokens", "cost_usd", "api_call_count"] as const;
export type Measure = (typeof measures)[number];
export const kindOf = (m: string): "usd" | "count" => (m === "cost_usd" ? "usd" : "count");

/** Every sum that the API has. */
export const allMeasures = [
  "total_tokens", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "cost_usd", "api_call_count", "error_count", "no_usage_count", "unpriced_count",
] as const satisfies readonly (keyof Sums)[];

type Priced = Pick<Sums, "unpriced_count">;

/** Whether a sum of a measure leaves something out: a cost where calls have no price. It is shown as "at least". */
export const isLeast = (s: Priced | null | undefined, measure = "cost_usd"): boolean => measure === "cost_usd" && !!s && s.unpriced_count > 0;

/** Whether costs of two periods can be compared: not where more than a hundredth of the calls of either has no price. */
export function comparable(now: Priced & Pick<Sums, "api_call_count">, before: Priced & Pick<Sums, "api_call_count">): boolean {
  return [now, before].every((s) => s.unpriced_count * 100 <= s.api_call_count);
}

/** The marking of a sum that is too small by what nobody knows. */
export const leastMark = "≥ ";
