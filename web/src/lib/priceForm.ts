// The form of a price of one's own.

import type { PriceEntry } from "@/api/types";

export const priceKinds = ["input", "output", "cache_read", "cache_write"] as const;
type Kind = (typeof priceKinds)[number];
type Amounts = Record<Kind, string>;

export interface PriceForm extends Amounts { model: string; provider: string; from: string; note: string; tiers: (Amounts & { above: string })[] }

const shown = (v: number | undefined | null): string => (v === undefined || v === null ? "" : v < 1e-6 && v > 0 ? v.toFixed(12).replace(/0+$/, "") : String(v));
const amountsOf = (e: Partial<Record<Kind, number>> | null): Amounts => ({ input: shown(e?.input), output: shown(e?.output), cache_read: shown(e?.cache_read), cache_write: shown(e?.cache_write) });

export function priceForm(e: PriceEntry | null): PriceForm {
  return {
    ...amountsOf(e), model: e?.model ?? "", provider: e?.provider ?? "", from: (e?.from ?? "").slice(0, 10), note: e?.note ?? "",
    tiers: (e?.tiers ?? []).map((x) => ({ ...amountsOf(x), above: String(x.above) })),
  };
}

/** What is not in the form (audio, images, service tiers) stays as it was set. */
function withAmounts(kept: object, a: Amounts): object {
  const out: Record<string, unknown> = { ...kept };
  for (const k of priceKinds) {
    delete out[k];
    // a text that is no number is refused by the server, by name: NaN would be sent as null
    if (a[k].trim() !== "") out[k] = Number.isFinite(Number(a[k])) ? Number(a[k]) : a[k];
  }
  return out;
}

export function priceBody(f: PriceForm, was: PriceEntry | null): PriceEntry {
  const { tiers, ...kept } = was ?? ({} as PriceEntry);
  const out = withAmounts(kept, f) as Record<string, unknown>;
  Object.assign(out, { model: f.model.trim(), provider: f.provider.trim(), note: f.note.trim(), from: was?.from && was.from.slice(0, 10) === f.from ? was.from : f.from });
  const some = f.tiers.filter((x) => priceKinds.some((k) => x[k].trim() !== ""));
  if (some.length) out["tiers"] = some.map((x, i) => withAmounts({ ...tiers?.[i], above: Number(x.above) || 0 }, x));
  return out as unknown as PriceEntry;
}
