// Which two ranges are compared, and what in words made the difference.
import type { Changes } from "@/api/types";
import type { Range, Span } from "./range";
import { spanBefore, spanOf } from "./range";
import { clockAt, midnight, rfc3339, startOfDate } from "./zone";

export const changeRanges = ["shown", "today", "yesterday", "month"] as const;
export type ChangeRange = (typeof changeRanges)[number];
/** what it is compared with: what was just before, or the same days a week earlier */
export const againsts = ["before", "week"] as const;
export type Against = (typeof againsts)[number];

export interface Compared { span: Span; against: Span }

/** The two ranges: one that still runs is compared with the same part of the other. */
export function comparedOf(what: ChangeRange, against: Against, shown: Range, zone: string, now: number): Compared | null {
  if (what === "shown") {
    const before = spanBefore(shown, zone, now);
    return before ? { span: spanOf(shown, zone, now), against: before } : null;
  }
  const z = (ms: number) => rfc3339(zone, ms);
  if (what === "month") {
    const c = clockAt(zone, now);
    const from = startOfDate(zone, c.year, c.month, 1);
    const before = startOfDate(zone, c.year, c.month - 1, 1);
    return { span: { from: z(from), to: z(now) }, against: { from: z(before), to: z(Math.min(before + (now - from), from)) } };
  }
  const days = what === "today" ? 0 : -1;
  const back = against === "week" ? 7 : 1;
  const from = midnight(zone, now, days);
  const to = what === "today" ? now : midnight(zone, now);
  const before = midnight(zone, now, days - back);
  const end = what === "today" ? Math.min(before + (now - from), midnight(zone, now, 1 - back)) : midnight(zone, now, -back);
  return { span: { from: z(from), to: z(to) }, against: { from: z(before), to: z(end) } };
}

export const effects = ["volume", "mix", "cache", "price"] as const;
export type Effect = (typeof effects)[number];
type Effects = Pick<Changes["all"], "volume_usd" | "mix_usd" | "cache_usd" | "price_usd">;

export const effectOf = (c: Effects, e: Effect): number => c[`${e}_usd`];

/** The effect that makes most of a difference, in its direction. */
export function mainEffect(c: Effects & { difference_usd: number }): Effect | null {
  const sign = Math.sign(c.difference_usd);
  const best = [...effects].sort((a, b) => sign * (effectOf(c, b) - effectOf(c, a)))[0]!;
  return sign !== 0 && sign * effectOf(c, best) > 0 ? best : null;
}

/** What cards count that the API's comparison counts too. */
export const changeMeasures = ["cost", "tokens", "calls"] as const;
export type ChangeMeasure = (typeof changeMeasures)[number];
type Sums = Changes["all"]["before"];
export const sumOf = (s: Sums, m: ChangeMeasure): number => (m === "cost" ? s.cost_usd : m === "tokens" ? s.total_tokens : s.api_call_count);
