// Time zones by the browser's own IANA data: no library, no tables.

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string): Intl.DateTimeFormat {
  let f = formats.get(zone);
  if (!f) {
    f = new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    formats.set(zone, f);
  }
  return f;
}

/** The clock of a zone at a moment. */
export interface Clock { year: number; month: number; day: number; hour: number; minute: number; second: number }

export function clockAt(zone: string, ms: number): Clock {
  const out: Record<string, number> = {};
  for (const p of format(zone).formatToParts(ms)) if (p.type !== "literal") out[p.type] = Number(p.value);
  return out as unknown as Clock;
}

/** How far a zone's clock is ahead of UTC, in milliseconds. */
export function offsetAt(zone: string, ms: number): number {
  const c = clockAt(zone, ms);
  return Date.UTC(c.year, c.month - 1, c.day, c.hour, c.minute, c.second) - Math.floor(ms / 1000) * 1000;
}

const quarter = 15 * 60_000;

/**
 * The first moment of a date in a zone. Where a change of the clock skips midnight, the day begins
 * later; where it repeats it, the first one counts: as the API cuts days.
 */
export function startOfDate(zone: string, year: number, month: number, day: number): number {
  const wall = Date.UTC(year, month - 1, day);
  const want = new Date(wall).getUTCDate();
  let at = wall - offsetAt(zone, wall);
  at = wall - offsetAt(zone, at);
  while (clockAt(zone, at - quarter).day === want) at -= quarter;
  while (clockAt(zone, at).day !== want) at += quarter;
  return at;
}

/** The first moment of the day that lies `days` after that of `ms`. */
export function midnight(zone: string, ms: number, days = 0): number {
  const c = clockAt(zone, ms);
  return startOfDate(zone, c.year, c.month, c.day + days);
}

/** The first moment of the Monday of the week that lies `weeks` after that of `ms`. */
export function startOfWeek(zone: string, ms: number, weeks = 0): number {
  const c = clockAt(zone, ms);
  const sinceMonday = (new Date(Date.UTC(c.year, c.month - 1, c.day)).getUTCDay() + 6) % 7;
  return startOfDate(zone, c.year, c.month, c.day - sinceMonday + 7 * weeks);
}

/** The first moment of the month that lies `months` after that of `ms`. */
export function startOfMonth(zone: string, ms: number, months = 0): number {
  const c = clockAt(zone, ms);
  return startOfDate(zone, c.year, c.month + months, 1);
}

/** The moment that lies some years after another by the clock; after 28 February where that year has no 29th. */
export function yearsLater(zone: string, ms: number, years: number): number {
  const c = clockAt(zone, ms);
  return startOfDate(zone, c.year + years, c.month, c.day) + (ms - midnight(zone, ms));
}

/** An RFC 3339 time with the zone's offset. */
export function rfc3339(zone: string, ms: number): string {
  const offset = offsetAt(zone, ms);
  const local = new Date(ms + offset).toISOString().slice(0, 19);
  if (offset === 0) return local + "Z";
  const minutes = Math.round(Math.abs(offset) / 60_000);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${local}${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export function isZone(zone: string): boolean {
  try {
    format(zone);
    return true;
  } catch {
    return false;
  }
}

export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
