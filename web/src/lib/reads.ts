// What several pages read, and how a trend becomes a chart.
import { api, base } from "@/api/client";
import type { Point, Sums, Trend } from "@/api/types";
import type { ChartSeries } from "@/components/TrendChart.vue";
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
  /** least: the sum leaves out calls whose cost is not known */
  series: (ChartSeries & { sum: number; swatch: string; other: boolean; least: boolean })[];
  running: number;
}

const length = (interval: string) => ({ "15m": 15 * 60_000, hour: 3_600_000 })[interval] ?? 86_400_000;

/** The points whose intervals are over. */
export function pointsOver(t: Trend, now: number): Point[] {
  return (t.points ?? []).filter((p, i, all) => {
    const next = all[i + 1];
    return (next ? Date.parse(next.time) : Date.parse(p.time) + length(t.interval)) <= now;
  });
}

/** The points that have begun, as series of one measure. A trend without groups is one series. */
export function chartOf(t: Trend, measure: keyof Sums, whole: string, color: string, otherName: string, now: number): ChartOf {
  const points = t.points ?? [];
  const n = points.filter((p) => Date.parse(p.time) <= now).length;
  const last = points[n - 1];
  const running = last && Date.parse(last.time) + length(t.interval) > now ? n - 1 : -1;
  const values = (ps: readonly Point[] | null | undefined) => (ps ?? []).slice(0, n).map((p) => p[measure]);
  const sum = (v: readonly number[]) => v.reduce((a, b) => a + b, 0);
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
