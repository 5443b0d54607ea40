// What Explore asks the API, as its address says it.
import { computed, type ComputedRef, type WritableComputedRef } from "vue";
import { useRoute } from "vue-router";
import { dimensions, oneOf, type Filterable } from "./filters";
import { everyMeasure, type EveryMeasure } from "./measures";
import { spanBefore, spanYearBefore, type Range, type Span } from "./range";
import { useFilters } from "./useFilters";

export const groups = [...dimensions, "team", "account", "operation", "environment", "service_tier", "error_type", "emitter", "quality", "session"] as const satisfies readonly Filterable[];
export type Group = (typeof groups)[number];
export const views = ["rank", "time", "lines", "grid", "heat"] as const;
export type View = (typeof views)[number];
export const intervals = ["auto", "15m", "hour", "day", "week", "month"] as const;
export const comparisons = ["", "before", "year"] as const;
export type Comparison = (typeof comparisons)[number];
export const tops = ["5", "8", "12", "20"] as const;

/** Sessions are too many for a chart over time. */
export const hasTrend = (g: Group): boolean => g !== "session";

/** Whether groups have times: those of sessions and teams are not kept. */
export const hasTimes = (by: readonly Group[]): boolean => !by.includes("session") && !by.includes("team");
/** Whether the API divides by both. */
export const together = (a: Group, b: Group): boolean => a !== b && !([a, b].includes("team") && [a, b].includes("session"));

export interface ExploreState {
  first: WritableComputedRef<Group>;
  second: WritableComputedRef<Group | "">;
  then: ComputedRef<Group | "">;
  by: ComputedRef<Group[]>;
  measure: WritableComputedRef<EveryMeasure>;
  view: WritableComputedRef<View>;
  interval: WritableComputedRef<(typeof intervals)[number]>;
  compare: WritableComputedRef<Comparison>;
  top: WritableComputedRef<(typeof tops)[number]>;
  cumulative: WritableComputedRef<boolean>;
  /** the other range; null where none is compared with */
  against: ComputedRef<Span | null>;
}

/** The range that one is compared with. */
export function spanAgainst(c: Comparison, range: Range, zone: string, now: number): Span | null {
  return c === "before" ? spanBefore(range, zone, now) : c === "year" ? spanYearBefore(range, zone, now) : null;
}

export function useExplore(): ExploreState {
  const route = useRoute();
  const { filters, zone, now, patch } = useFilters();
  const chosen = <T extends string>(name: string, of: readonly T[], usual: T) => computed<T>({
    get: () => ((of as readonly string[]).includes(oneOf(route.query[name])) ? (oneOf(route.query[name]) as T) : usual),
    set: (v) => patch({ [name]: v === usual ? undefined : v }),
  });
  const first = chosen<Group>("by", groups, "model");
  const second = chosen<Group | "">("then", ["", ...groups], "");
  const then = computed(() => (second.value !== "" && together(first.value, second.value) ? second.value : ""));
  const compare = chosen<Comparison>("compare", comparisons, "");
  return {
    first, second, then, compare,
    by: computed(() => [first.value, then.value].filter(Boolean) as Group[]),
    measure: chosen<EveryMeasure>("measure", everyMeasure, "total_tokens"),
    view: chosen<View>("view", views, "rank"),
    interval: chosen("interval", intervals, "auto"),
    top: chosen("top", tops, "12"),
    cumulative: computed({ get: () => oneOf(route.query["cumulative"]) === "1", set: (v) => patch({ cumulative: v ? "1" : undefined }) }),
    against: computed(() => spanAgainst(compare.value, filters.value.range, zone.value, now.value)),
  };
}
