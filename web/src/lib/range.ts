import { clockAt, midnight, rfc3339 } from "./zone";

export const presets = ["today", "24h", "7d", "30d", "90d", "365d"] as const;
export type Preset = (typeof presets)[number];

/** A range of time as it stands in the URL: a preset that moves with the clock, or two fixed moments. */
export interface Range { preset: Preset | null; from: string; to: string }

export const defaultRange: Range = { preset: "7d", from: "", to: "" };

/** A range as the API takes it. `to` is empty where the range ends now. */
export interface Span { from: string; to: string }

const quarter = 15 * 60_000;
const day = 86_400_000;

const daysOf = (p: Preset): number => (p === "today" ? 1 : Number.parseInt(p, 10));

/** What the API is asked for. */
export function spanOf(range: Range, zone: string, now: number): Span {
  if (range.preset === null) return { from: range.from, to: range.to };
  // whole quarters of an hour, the API's base bucket
  if (range.preset === "24h") return { from: rfc3339(zone, Math.floor(now / quarter) * quarter - day), to: "" };
  return { from: rfc3339(zone, midnight(zone, now, 1 - daysOf(range.preset))), to: "" };
}

/** The period before, as far as the running one has come: Monday to Wednesday noon against the same of last week. */
export function spanBefore(range: Range, zone: string, now: number): Span | null {
  if (range.preset === "24h") {
    const from = Math.floor(now / quarter) * quarter - day;
    return { from: rfc3339(zone, from - day), to: rfc3339(zone, now - day) };
  }
  if (range.preset !== null) {
    const n = daysOf(range.preset);
    const from = midnight(zone, now, 1 - 2 * n);
    const shift = midnight(zone, now) - midnight(zone, now, -n);
    return { from: rfc3339(zone, from), to: rfc3339(zone, now - shift) };
  }
  const from = Date.parse(range.from);
  const to = Math.min(range.to ? Date.parse(range.to) : now, now);
  if (!(to > from)) return null;
  return { from: rfc3339(zone, from - (to - from)), to: rfc3339(zone, from) };
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
