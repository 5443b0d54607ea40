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

/** What cards show whose difference divides into parts that add up: sums, and shares of sums. */
export const changeMeasures = ["cost", "tokens", "calls", "noUsage", "errors", "cache"] as const;
export type ChangeMeasure = (typeof changeMeasures)[number];
type Sums = Changes["all"]["before"];
type Count = "api_call_count" | "error_count" | "no_usage_count" | "input_tokens" | "cache_read_tokens" | "total_tokens";
const counts: Partial<Record<ChangeMeasure, Count>> = { tokens: "total_tokens", calls: "api_call_count", noUsage: "no_usage_count" };
/** Shares: a part, and what it is a part of. */
export const shares = { errors: ["error_count", "api_call_count"], cache: ["cache_read_tokens", "input_tokens"] } as const satisfies Partial<Record<ChangeMeasure, readonly [Count, Count]>>;
export type ShareMeasure = keyof typeof shares;
export const isShare = (m: ChangeMeasure): m is ShareMeasure => m in shares;

/** A figure of sums; of a share null where there is nothing that it could be a share of. */
export function figureOf(s: Sums, m: ChangeMeasure): number | null {
  if (isShare(m)) return s[shares[m][1]] > 0 ? s[shares[m][0]] / s[shares[m][1]] : null;
  return m === "cost" ? s.cost_usd : s[counts[m]!];
}
export const sumOf = (s: Sums, m: ChangeMeasure): number => figureOf(s, m) ?? 0;

export interface Two { before: Sums; after: Sums }
/** A group's part of the difference of a share. mix: it has more or less of the whole than before; rate: its own share is another one. */
export interface SharePart { mix: number; rate: number; total: number }

/**
 * The part of a group, as a numerator over the whole's after * before * before, with no rounding: the parts of all groups add up to the
 * difference of the whole. It is what the group moved the share by, beyond what it would have with the whole's share before.
 */
export function exactPart(m: ShareMeasure, all: Two, g: Two): bigint {
  const [of, whole] = shares[m];
  const [a0, n0, n1] = [all.before[of], all.before[whole], all.after[whole]].map(BigInt) as [bigint, bigint, bigint];
  const [e0, d0, e1, d1] = [g.before[of], g.before[whole], g.after[of], g.after[whole]].map(BigInt) as [bigint, bigint, bigint, bigint];
  return e1 * n0 * n0 - e0 * n0 * n1 - (d1 * n0 - d0 * n1) * a0;
}

/** The part of a group; null where the share is not known in both ranges. */
export function sharePart(m: ShareMeasure, all: Two, g: Two): SharePart | null {
  const [of, whole] = shares[m];
  const [n0, n1] = [all.before[whole], all.after[whole]];
  if (n0 === 0 || n1 === 0) return null;
  const total = ratio(exactPart(m, all, g), BigInt(n1) * BigInt(n0) * BigInt(n0));
  const own = g.before[whole];
  // one that is new has no share of its own before: it is mix
  const mix = own === 0 ? total : g.after[whole] === 0 ? total : (g.after[whole] / n1 - own / n0) * (g.before[of] / own - all.before[of] / n0);
  return { mix, rate: total - mix, total };
}

/** a / b, where each may be more than a number holds. */
function ratio(a: bigint, b: bigint): number {
  const places = 10n ** 15n;
  return Number((a * places) / b) / 1e15;
}
