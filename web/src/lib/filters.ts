import type { LocationQuery, LocationQueryRaw } from "vue-router";
import { presets, type Preset, type Range, type Span } from "./range";

export const dimensions = ["model", "provider", "key", "user", "service", "project", "status"] as const;
export type Dimension = (typeof dimensions)[number];
/** What one can filter by: the dimensions, which the server keeps sums of, and those that it reads the stored calls for. */
export const filterable = [...dimensions, "team", "service_tier", "account", "operation", "environment", "session", "error_type", "emitter", "quality"] as const;
export type Filterable = (typeof filterable)[number];

/** What all pages filter by. It lives in the URL and nowhere else. */
export interface Filters {
  range: Range;
  values: Record<Filterable, string[]>;
}

/** The words of a query parameter, each once, in their order. */
export function listOf(v: LocationQuery[string] | undefined): string[] {
  const all = (Array.isArray(v) ? v : [v]).filter((s): s is string => typeof s === "string" && s !== "");
  return [...new Set(all)];
}

export const oneOf = (v: LocationQuery[string] | undefined): string => listOf(v)[0] ?? "";

const isMoment = (s: string): boolean => /^\d{4}-\d\d-\d\dT/.test(s) && !Number.isNaN(Date.parse(s));

/** A moment as the API takes it, in RFC 3339: the links of notifications say it in seconds since 1970. */
const momentOf = (s: string): string => (/^\d{9,11}$/.test(s) ? new Date(Number(s) * 1000).toISOString().replace(".000", "") : s);

export function filtersOf(query: LocationQuery): Filters {
  const from = momentOf(oneOf(query["from"]));
  const to = momentOf(oneOf(query["to"]));
  const preset = oneOf(query["range"]);
  let range: Range = { preset: "7d", from: "", to: "" };
  if (isMoment(from) && (to === "" || (isMoment(to) && Date.parse(to) > Date.parse(from)))) range = { preset: null, from, to };
  else if ((presets as readonly string[]).includes(preset)) range = { preset: preset as Preset, from: "", to: "" };
  const values = {} as Filters["values"];
  for (const d of filterable) values[d] = listOf(query[d]);
  return { range, values };
}

/** The part of a URL's query that says these filters; what is usual is left out. */
export function queryOf(f: Filters): LocationQueryRaw {
  const out: LocationQueryRaw = {};
  if (f.range.preset === null) {
    out["from"] = f.range.from;
    if (f.range.to) out["to"] = f.range.to;
  } else if (f.range.preset !== "7d") out["range"] = f.range.preset;
  for (const d of filterable) if (f.values[d].length > 0) out[d] = f.values[d];
  return out;
}

/** The same filters as parameters of the API, in a fixed order. */
export function paramsOf(f: Filters, span: Span): URLSearchParams {
  const p = new URLSearchParams();
  if (span.from) p.set("from", span.from);
  if (span.to) p.set("to", span.to);
  for (const d of filterable) for (const v of f.values[d]) p.append(d, v);
  return p;
}

/** Filters with one value more; a value that is there already is kept once. */
export function withValue(f: Filters, d: Filterable, value: string): Filters {
  return { ...f, values: { ...f.values, [d]: [...new Set([...f.values[d], value])] } };
}

/** Filters in which a dimension has only this value. */
export function withOnly(f: Filters, d: Filterable, value: string): Filters {
  return { ...f, values: { ...f.values, [d]: [value] } };
}

export const anySet = (f: Filters): boolean => filterable.some((d) => f.values[d].length > 0);
