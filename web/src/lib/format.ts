// Numbers, money and times as people of a language read them. What is absent is a dash, never 0.

export type Locale = "en" | "zh";

export const tag = (l: Locale): string => (l === "zh" ? "zh-CN" : "en-US");

export const absent = "–";

type Value = number | null | undefined;

const cache = new Map<string, Intl.NumberFormat>();

function numberFormat(l: Locale, o: Intl.NumberFormatOptions): Intl.NumberFormat {
  const id = l + JSON.stringify(o);
  let f = cache.get(id);
  if (!f) cache.set(id, (f = new Intl.NumberFormat(tag(l), o)));
  return f;
}

const given = (v: Value): v is number => typeof v === "number" && Number.isFinite(v);

/** 65.4M, 1,234; 6540万, 1.23亿. Below 10,000 every digit is shown. */
export function count(l: Locale, v: Value): string {
  if (!given(v)) return absent;
  if (Math.abs(v) < 10_000) return numberFormat(l, { maximumFractionDigits: Math.abs(v) < 100 ? 1 : 0 }).format(v);
  return numberFormat(l, { notation: "compact", maximumSignificantDigits: 4, minimumSignificantDigits: 3 }).format(v);
}

/** The largest figure of a column and the smallest that is not 0, both without sign: they say how many places all of it has. */
export interface Extent { most: number; least: number }

export const extentOf = (values: readonly Value[]): Extent => values.reduce<Extent>((e, v) => {
  const size = given(v) ? Math.abs(v) : 0;
  return size === 0 ? e : { most: Math.max(e.most, size), least: e.least === 0 ? size : Math.min(e.least, size) };
}, { most: 0, least: 0 });

/** From here on a column of figures is in thousands and millions. */
const compactFrom = 1_000_000;
const compactInColumn = { notation: "compact", minimumFractionDigits: 2, maximumFractionDigits: 2 } as const;

/** A figure of a column: all have as many places, so that their digits stand below each other. */
export function countIn(l: Locale, v: Value, column: Extent): string {
  if (!given(v)) return absent;
  const large = Math.abs(v) >= 100 * compactFrom || (column.most >= compactFrom && Math.abs(v) >= 10_000);
  return large ? numberFormat(l, compactInColumn).format(v) : numberFormat(l, { maximumFractionDigits: 0 }).format(v);
}

/** The same without zeros that say nothing. */
export function countOnAxis(l: Locale, v: number): string {
  return numberFormat(l, { notation: "compact", maximumSignificantDigits: 4 }).format(v);
}

/** Every digit. */
export function exact(l: Locale, v: Value): string {
  return given(v) ? numberFormat(l, { maximumFractionDigits: 9 }).format(v) : absent;
}

const dollars = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" } as const;

/** The digits that an amount deserves: $0.0042, $84.12, $12.3K. */
export function usd(l: Locale, v: Value): string {
  if (!given(v)) return absent;
  const size = Math.abs(v);
  if (size === 0) return numberFormat(l, { ...dollars, maximumFractionDigits: 0 }).format(0);
  if (size < 0.01) return numberFormat(l, { ...dollars, maximumSignificantDigits: 3 }).format(v);
  if (size < 1) return numberFormat(l, { ...dollars, minimumFractionDigits: 2, maximumFractionDigits: size < 0.1 ? 4 : 3 }).format(v);
  if (size < 10_000) return numberFormat(l, dollars).format(v);
  return numberFormat(l, { ...dollars, notation: "compact", maximumSignificantDigits: 4, minimumSignificantDigits: 3 }).format(v);
}

/** Cents where they tell all amounts apart from nothing, or some are large; else as many places as small amounts need. */
const placesOf = ({ most, least }: Extent): number => (least >= 0.01 || most >= 100 || most === 0 ? 2 : most < 0.01 ? 6 : 4);

/** An amount of a column, see countIn. What the places cannot show is less than the least that they can. */
export function usdIn(l: Locale, v: Value, column: Extent): string {
  if (!given(v)) return absent;
  const places = placesOf(column);
  const f = numberFormat(l, { ...dollars, minimumFractionDigits: places, maximumFractionDigits: places });
  const least = 10 ** -places;
  if (v !== 0 && Math.abs(v) < least) return "<" + f.format(least);
  if (Math.abs(v) >= compactFrom) return numberFormat(l, { ...dollars, ...compactInColumn }).format(v);
  return f.format(v);
}

/** Every digit of an amount. */
export function usdExact(l: Locale, v: Value): string {
  return given(v) ? numberFormat(l, { ...dollars, minimumFractionDigits: 2, maximumFractionDigits: 9 }).format(v) : absent;
}

/** A share of 0 to 1. */
export function percent(l: Locale, v: Value): string {
  if (!given(v)) return absent;
  const size = Math.abs(v);
  const digits = size === 0 || size >= 0.995 ? 0 : size < 0.001 ? 3 : size < 0.01 ? 2 : 1;
  return numberFormat(l, { style: "percent", maximumFractionDigits: digits }).format(v);
}

/** A share of a column, see countIn. */
export function percentIn(l: Locale, v: Value): string {
  if (!given(v)) return absent;
  const f = numberFormat(l, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
  return v !== 0 && Math.abs(v) < 0.001 ? "<" + f.format(0.001) : f.format(v);
}

/** A duration of a column, see countIn: one unit for all. */
export function durationIn(l: Locale, ms: Value, column: Extent): string {
  if (!given(ms)) return absent;
  const places = (n: number) => ({ minimumFractionDigits: n, maximumFractionDigits: n });
  return column.most < 1000 ? `${numberFormat(l, places(0)).format(ms)} ms` : `${numberFormat(l, places(2)).format(ms / 1000)} s`;
}

/** A duration given in milliseconds: 840 ms, 2.41 s, 3.2 min. */
export function duration(l: Locale, ms: Value): string {
  if (!given(ms)) return absent;
  const n = (v: number, digits: number) => numberFormat(l, { maximumFractionDigits: digits }).format(v);
  if (ms < 1000) return `${n(ms, ms < 10 ? 1 : 0)} ms`;
  if (ms < 60_000) return `${n(ms / 1000, ms < 10_000 ? 2 : 1)} s`;
  return `${n(ms / 60_000, 1)} min`;
}

/** The change from one figure to another as a share; null where there is nothing to compare with. */
export function change(now: Value, before: Value): number | null {
  if (!given(now) || !given(before) || before === 0) return null;
  return (now - before) / Math.abs(before);
}

/** The change from one share to another, in percentage points. */
export function points(now: Value, before: Value): number | null {
  return given(now) && given(before) ? (now - before) * 100 : null;
}

/** A number of percentage points, without a sign. */
export function pointsText(l: Locale, v: number): string {
  const size = Math.abs(v);
  return numberFormat(l, { maximumFractionDigits: size < 1 ? 2 : 1 }).format(size);
}

const times = new Map<string, Intl.DateTimeFormat>();

function timeFormat(l: Locale, zone: string, o: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const id = l + zone + JSON.stringify(o);
  let f = times.get(id);
  if (!f) times.set(id, (f = new Intl.DateTimeFormat(tag(l), { timeZone: zone, hourCycle: "h23", ...o })));
  return f;
}

const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
const date = { year: "numeric", month: "2-digit", day: "2-digit" } as const;

function at(v: string | number | null | undefined): number | null {
  if (v === null || v === undefined || v === "") return null;
  const ms = typeof v === "number" ? v : Date.parse(v);
  return Number.isNaN(ms) ? null : ms;
}

function shown(l: Locale, zone: string, v: string | number | null | undefined, o: Intl.DateTimeFormatOptions): string {
  const ms = at(v);
  return ms === null ? absent : timeFormat(l, zone, o).format(ms);
}

type Moment = string | number | null | undefined;

export const clockTime = (l: Locale, zone: string, v: Moment): string => shown(l, zone, v, clock);
export const dateTime = (l: Locale, zone: string, v: Moment): string => shown(l, zone, v, { ...date, ...clock });
export const dateOnly = (l: Locale, zone: string, v: Moment): string => shown(l, zone, v, date);
export const shortDateTime = (l: Locale, zone: string, v: Moment): string =>
  shown(l, zone, v, { month: "2-digit", day: "2-digit", ...clock });

/** The label of an interval on an axis. */
export function axisTime(l: Locale, zone: string, v: Moment, interval: string): string {
  if (interval === "month") return shown(l, zone, v, { year: "numeric", month: "short" });
  return interval === "day" || interval === "week" ? shown(l, zone, v, { month: "short", day: "numeric" }) : shown(l, zone, v, { hour: "2-digit", minute: "2-digit" });
}

/** "3 minutes ago". */
export function ago(l: Locale, v: Moment, now: number): string {
  const ms = at(v);
  if (ms === null) return absent;
  const f = new Intl.RelativeTimeFormat(tag(l), { numeric: "auto" });
  const s = (ms - now) / 1000;
  for (const [unit, size] of [["day", 86_400], ["hour", 3600], ["minute", 60]] as const)
    if (Math.abs(s) >= size) return f.format(Math.trunc(s / size), unit);
  return f.format(Math.trunc(s), "second");
}

const longest = 300;

/** A text of telemetry, short enough for a page. */
export function clip(s: string, most = longest): string {
  if (s.length <= most) return s;
  const cut = s.slice(0, most);
  return (/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut) + "…";
}

/** A text whose direction cannot spill over its neighbours, for where markup cannot isolate it. */
export const isolate = (s: string): string => `\u2068${s}\u2069`;
