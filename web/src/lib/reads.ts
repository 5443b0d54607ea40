// What several pages read, and how a trend becomes a chart.
import { api, base } from "@/api/client";
import type { Point, Sums, Trend } from "@/api/types";
import type { ChartSeries } from "@/components/TrendChart.vue";
import { isSum, valueAt, type EveryMeasure } from "./measures";
import { shadesOf } from "./palette";

export interface TrendQuestion { params: URLSearchParams; by: string; zone: string; top?: number; interval?: string; sort?: keyof Sums }

export function readTrend(q: TrendQuestion, signal: AbortSignal): Promise<Trend> {
  const p = new URLSearchParams(q.params);
  p.set("timezone", q.zone);
  if (q.by) {
    p.set("group_by", q.by);
    p.set("top", String(q.top ?? 8));
    if (q.sort) p.set("sort", q.sort);
  }
  if (q.interval) p.set("interval", q.interval);
  return api.get<Trend>("/usage-trend", p, signal);
}

export interface ChartOf {
  times: string[];
  /** sum: null of what is not added up; least: the sum leaves out calls whose cost is not known */
  series: (ChartSeries & { sum: number | null; swatch: string; other: boolean; least: boolean })[];
  running: number;
}

const day = 86_400_000;
const length = (interval: string) => ({ "15m": 15 * 60_000, hour: 3_600_000, week: 7 * day, month: 31 * day })[interval] ?? day;

/** The points whose intervals are over. */
export function pointsOver(t: Trend, now: number): Point[] {
  return (t.points ?? []).filter((p, i, all) => {
    const next = all[i + 1];
    return (next ? Date.parse(next.time) : Date.parse(p.time) + length(t.interval)) <= now;
  });
}

/** The points that have begun, as series of one measure. A trend without groups is one series. */
export function chartOf(t: Trend, measure: EveryMeasure, whole: string, color: string, otherName: string, now: number, until = Infinity): ChartOf {
  const points = t.points ?? [];
  const n = points.filter((p) => Date.parse(p.time) <= now).length;
  const last = points[n - 1];
  const running = last && Math.min(until, Date.parse(last.time) + length(t.interval)) > now ? n - 1 : -1;
  const values = (ps: readonly Point[] | null | undefined) => (ps ?? []).slice(0, n).map((p) => valueAt(p, measure));
  const sum = (v: readonly (number | null)[]) => (isSum(measure) ? v.reduce<number>((a, b) => a + (b ?? 0), 0) : null);
  const leastOf = (ps: readonly Point[] | null | undefined) => (ps ?? []).slice(0, n).map((p) => measure === "cost_usd" && p.unpriced_count > 0);
  const series = t.series ?? [];
  const shades = shadesOf(series.filter((s) => !s.other).map((s) => s.group));
  const times = points.slice(0, n).map((p) => p.time);
  if (series.length === 0) {
    const v = values(points);
    const leastAt = leastOf(points);
    return { times, running, series: [{ name: whole, color, values: v, leastAt, least: leastAt.includes(true), sum: sum(v), swatch: "", other: false }] };
  }
  return {
    times, running, series: series.map((s) => {
      const v = values(s.points);
      const shade = shades.get(s.group);
      const leastAt = leastOf(s.points);
      return { leastAt, least: leastAt.includes(true), name: s.other ? otherName : s.group, color: s.other ? "--other" : `--g${shade}`, values: v, sum: sum(v), swatch: s.other ? "" : `s-${shade}`, other: !!s.other };
    }),
  };
}

/** Where a file of the API is. */
export const fileAt = (path: string, params: URLSearchParams): string => `${base}${path}?${params.toString()}`;

/** Times are of all calls only: their quantiles are the series. */
export function chartOfTimes(t: Trend, measure: "latency_ms" | "ttft_ms", now: number, until = Infinity): ChartOf {
  const whole = chartOf(t, "api_call_count", "", "--in", "", now, until);
  const points = (t.points ?? []).slice(0, whole.times.length);
  const series = (["p50", "p95", "p99"] as const).map((q, i) => ({
    name: q, color: `--g${[0, 2, 1][i]}`, swatch: `s-${[0, 2, 1][i]}`, values: points.map((p) => p[measure]?.[q] ?? null), sum: null, other: false, least: false,
  }));
  return { ...whole, series };
}

/** The same with each point as the sum of all up to it. */
export function cumulated(c: ChartOf): ChartOf {
  return {
    ...c, series: c.series.map((s) => {
      let sum = 0;
      let least = false;
      return { ...s, values: s.values.map((v) => (sum += v ?? 0)), leastAt: s.leastAt?.map((l) => (least ||= l)) ?? [] };
    }),
  };
}
