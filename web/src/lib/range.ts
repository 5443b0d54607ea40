import { clockAt, midnight, rfc3339, startOfMonth, startOfWeek, yearsLater } from "./zone";

export const presets = ["1h", "24h", "today", "yesterday", "week", "lastweek", "month", "lastmonth", "7d", "30d", "90d", "365d"] as const;
export type Preset = (typeof presets)[number];

/** A range of time as it stands in the URL: a preset that moves with the clock, or two fixed moments. */
export interface Range { preset: Preset | null; from: string; to: string }

export const defaultRange: Range = { preset: "7d", from: "", to: "" };

/** A range as the API takes it. `to` is empty where the range ends now. */
export interface Span { from: string; to: string }

const quarter = 15 * 60_000;
const day = 86_400_000;

const minute = 60_000;
const hour = 3_600_000;

const daysOf = (p: Preset): number => (p === "today" ? 1 : Number.parseInt(p, 10));

/** Where a preset begins and ends, in milliseconds; without an end it ends now. `back` is how many of these periods earlier. */
function bounds(p: Preset, zone: string, now: number, back = 0): { from: number; to: number | null } {
  switch (p) {
    case "1h": return { from: Math.floor(now / minute) * minute - (1 + back) * hour, to: null };
    // whole quarters of an hour, the API's base bucket
    case "24h": return { from: Math.floor(now / quarter) * quarter - (1 + back) * day, to: null };
    case "yesterday": return { from: midnight(zone, now, -1 - back), to: midnight(zone, now, -back) };
    case "week": return { from: startOfWeek(zone, now, -back), to: null };
    case "lastweek": return { from: startOfWeek(zone, now, -1 - back), to: startOfWeek(zone, now, -back) };
    case "month": return { from: startOfMonth(zone, now, -back), to: null };
    case "lastmonth": return { from: startOfMonth(zone, now, -1 - back), to: startOfMonth(zone, now, -back) };
    default: return { from: midnight(zone, now, 1 - (1 + back) * daysOf(p)), to: null };
  }
}

/** What the API is asked for. */
export function spanOf(range: Range, zone: string, now: number): Span {
  if (range.preset === null) return { from: range.from, to: range.to };
  const b = bounds(range.preset, zone, now);
  return { from: rfc3339(zone, b.from), to: b.to === null ? "" : rfc3339(zone, b.to) };
}

/** When the range of a question to the API ends, in milliseconds; Infinity where it ends now. */
export function endOf(question: URLSearchParams): number {
  const to = question.get("to");
  return to ? Date.parse(to) : Infinity;
}

/** The period before, as far as the running one has come: Monday to Wednesday noon against the same of last week. */
export function spanBefore(range: Range, zone: string, now: number): Span | null {
  if (range.preset !== null) {
    const b = bounds(range.preset, zone, now, 1);
    return { from: rfc3339(zone, b.from), to: rfc3339(zone, b.to ?? endBefore(range.preset, zone, now)) };
  }
  const from = Date.parse(range.from);
  const to = Math.min(range.to ? Date.parse(range.to) : now, now);
  if (!(to > from)) return null;
  return { from: rfc3339(zone, from - (to - from)), to: rfc3339(zone, from) };
}

/** The moment of the period before that now is in this one. Months differ in length: the one before ends at the latest where this begins. */
function endBefore(p: Preset, zone: string, now: number): number {
  if (p === "1h") return now - hour;
  if (p === "24h") return now - day;
  if (p === "month") {
    const begin = startOfMonth(zone, now);
    const c = clockAt(zone, now);
    return Math.min(begin, midnight(zone, startOfMonth(zone, now, -1), c.day - 1) + (now - midnight(zone, now)));
  }
  const n = p === "week" ? 7 : daysOf(p);
  return now - (midnight(zone, now) - midnight(zone, now, -n));
}

/** The same span a year earlier by the clock of the zone. */
export function spanYearBefore(range: Range, zone: string, now: number): Span | null {
  const s = spanOf(range, zone, now);
  const to = Math.min(s.to ? Date.parse(s.to) : now, now);
  const from = Date.parse(s.from);
  if (!(to > from)) return null;
  return { from: rfc3339(zone, yearsLater(zone, from, -1)), to: rfc3339(zone, yearsLater(zone, to, -1)) };
}

/** How much of a span lies after the oldest call that is kept: 0 to 1. */
export function coveredShare(span: Span, oldest: string | null | undefined): number {
  const from = Date.parse(span.from);
  const to = Date.parse(span.to);
  if (!oldest || !(to > from)) return 0;
  return Math.max(0, to - Math.max(from, Date.parse(oldest))) / (to - from);
}

const two = (n: number): string => String(n).padStart(2, "0");

/** A day as a file's name says it. */
export function dayName(zone: string, ms: number): string {
  const c = clockAt(zone, ms);
  return `${c.year}-${two(c.month)}-${two(c.day)}`;
}

/** A range as a file's name says it: its first and last day where it is whole days, else its ends to the minute; as the API names its files. */
export function rangeName(span: Span, zone: string, now: number): string {
  const open = span.to === "" || Date.parse(span.to) > now;
  const end = open ? now : Date.parse(span.to);
  const isMidnight = (ms: number) => {
    const c = clockAt(zone, ms);
    return c.hour === 0 && c.minute === 0 && c.second === 0;
  };
  if (!span.from) return "until-" + dayName(zone, !open && isMidnight(end) ? end - 1 : end);
  const from = Date.parse(span.from);
  if (!isMidnight(from) || (!open && !isMidnight(end))) {
    const minute = (ms: number) => dayName(zone, ms) + "T" + two(clockAt(zone, ms).hour) + two(clockAt(zone, ms).minute);
    return `${minute(from)}_${minute(end)}`;
  }
  const first = dayName(zone, from);
  const last = dayName(zone, open ? end : end - 1);
  return first === last ? first : `${first}_${last}`;
}
