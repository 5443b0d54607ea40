import { api, missing } from "@/api/client";
import type { DimensionValues as Answer, Trend } from "@/api/types";
import { filterable, type Filterable } from "./filters";

export interface DimensionValue { value: string; label: string; calls: number | null }
export interface DimensionValues { values: DimensionValue[]; more: boolean }

const most = 50;
let routeMissing = false;

/** The values of a dimension in a range of time; its own filter does not narrow them, the others do. */
export async function readValues(d: Filterable, filters: URLSearchParams, q: string): Promise<DimensionValues> {
  const p = new URLSearchParams();
  for (const [k, v] of filters) if (k === "from" || k === "to") p.append(k, v);
  if (!routeMissing) {
    try {
      const mine = new URLSearchParams(p);
      mine.set("limit", String(most));
      if (q) mine.set("q", q);
      const a = await api.get<Answer>(`/dimensions/${d}`, mine);
      return { values: (a.values ?? []).map((v) => ({ value: v.value, label: v.label, calls: v.api_call_count })), more: a.more };
    } catch (e) {
      if (!missing(e)) throw e;
      routeMissing = true;
    }
  }
  // an older server: its trend knows the groups of a range
  for (const other of filterable) if (other !== d) for (const v of filters.getAll(other)) p.append(other, v);
  p.set("group_by", d);
  p.set("top", "100");
  p.set("interval", "day");
  const trend = await api.get<Trend>("/usage-trend", p);
  const values = (trend.series ?? []).filter((s) => !s.other && s.group.toLowerCase().includes(q.toLowerCase()))
    .map((s) => ({ value: s.group, label: s.group, calls: (s.points ?? []).reduce((n, x) => n + x.api_call_count, 0) }));
  return { values, more: (trend.series ?? []).some((s) => s.other) };
}
