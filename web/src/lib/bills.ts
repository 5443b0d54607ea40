// Words and addresses of bills.
import { base } from "@/api/client";
import type { Bill, Converted } from "@/api/types";
import { tag, type Locale } from "./format";

export const billedBy = ["team", "user", "key", "project", "service"] as const;
export type BilledBy = (typeof billedBy)[number];

/** The months that can be chosen, this one first. */
export function months(now: number, zone: string, n = 24): string[] {
  const [year, month] = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit" }).format(now).split("-").map(Number) as [number, number];
  return Array.from({ length: n }, (_, i) => new Date(Date.UTC(year, month - 1 - i, 15)).toISOString().slice(0, 7));
}

export const monthName = (l: Locale, month: string): string =>
  new Intl.DateTimeFormat(tag(l), { timeZone: "UTC", year: "numeric", month: "long" }).format(Date.parse(month + "-15T00:00:00Z"));

export function query(month: string, by: string, zone: string, holder?: string, more: Record<string, string> = {}): URLSearchParams {
  const p = new URLSearchParams({ by, timezone: zone, ...more });
  if (month) p.set("month", month);
  if (holder !== undefined) p.append("holder", holder);
  return p;
}

export const fileOf = (month: string, by: string, zone: string, currency: boolean, holder?: string): string =>
  `${base}/bills/export?${query(month, by, zone, holder, currency ? { currency: "true" } : {}).toString()}`;

/** An amount in the currency that is shown, in the words of a language. */
export function money(l: Locale, c: Converted): string {
  try {
    return new Intl.NumberFormat(tag(l), { style: "currency", currency: c.code }).format(c.amount);
  } catch {
    return `${c.amount} ${c.code}`; // a code that the browser does not know
  }
}

export const isPlain = (b: Pick<Bill, "charged_usd" | "cost_usd">): boolean => b.charged_usd === b.cost_usd;
