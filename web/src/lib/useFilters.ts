import { computed, ref, type ComputedRef } from "vue";
import { useRoute, useRouter, type LocationQueryRaw, type RouteLocationRaw } from "vue-router";
import { usePrefs } from "@/stores/prefs";
import { filterable, filtersOf, paramsOf, queryOf, withOnly, type Filterable, type Filters } from "./filters";
import { spanOf, type Range } from "./range";

/** The moment that presets end with. It moves with every reading by hand, so that midnight passes. */
const now = ref(Date.now());

export function tick(): void {
  now.value = Date.now();
}

export interface UseFilters {
  filters: ComputedRef<Filters>;
  zone: ComputedRef<string>;
  now: typeof now;
  /** parameters of the API */
  params: ComputedRef<URLSearchParams>;
  set: (f: Filters) => void;
  setRange: (r: Range) => void;
  /** a page of the console with these filters */
  link: (page: string, f?: Filters, extra?: LocationQueryRaw) => RouteLocationRaw;
  /** a page with these filters, and a dimension narrowed to one value */
  only: (page: string, d: Filterable, value: string, extra?: LocationQueryRaw) => RouteLocationRaw;
  /** changes other parts of the query; undefined leaves a part out */
  patch: (q: Record<string, string | string[] | undefined>, push?: boolean) => void;
}

export function useFilters(): UseFilters {
  const route = useRoute();
  const router = useRouter();
  const prefs = usePrefs();
  const filters = computed(() => filtersOf(route.query));
  const zone = computed(() => prefs.activeZone);
  const params = computed(() => paramsOf(filters.value, spanOf(filters.value.range, zone.value, now.value)));
  const link = (page: string, f = filters.value, extra: LocationQueryRaw = {}): RouteLocationRaw => ({ name: page, query: { ...queryOf(f), ...zoned(), ...extra } });
  /** a link says the zone where it is not the server's, so that who follows it sees the same days */
  const zoned = (): LocationQueryRaw => (prefs.zone ? { tz: prefs.zone } : {});
  function patch(q: Record<string, string | string[] | undefined>, push = false): void {
    const query: LocationQueryRaw = { ...route.query, ...q };
    for (const [k, v] of Object.entries(query)) if (v === undefined || v === "" || (Array.isArray(v) && v.length === 0)) delete query[k];
    void router[push ? "push" : "replace"]({ query });
  }
  function set(f: Filters): void {
    tick();
    const rest: LocationQueryRaw = { ...route.query };
    for (const k of ["range", "from", "to", "tz", ...filterable]) delete rest[k];
    void router.push({ query: { ...rest, ...queryOf(f), ...zoned() } });
  }
  return {
    filters, zone, now, params, link, patch, set,
    setRange: (range) => set({ ...filters.value, range }),
    only: (page, d, value, extra) => link(page, withOnly(filters.value, d, value), extra),
  };
}
