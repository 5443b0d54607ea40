// What an entry of the audit log changed, field by field, in words of a language.
import { dateTime, exact, usdExact, type Locale } from "./format";

export interface Change { name: string; before: string; after: string }

type Words = (key: string) => string;
interface In { locale: Locale; zone: string; t: Words; te: (key: string) => boolean }

type Flat = Map<string, unknown>;

/** {limits: {tokens: {day: 5}}} as "limits.tokens.day": 5. */
function flat(v: unknown, prefix = "", into: Flat = new Map()): Flat {
  if (typeof v === "object" && v !== null && !Array.isArray(v)) for (const [k, x] of Object.entries(v)) flat(x, prefix ? `${prefix}.${k}` : k, into);
  else if (prefix && v !== null && v !== undefined && v !== "") into.set(prefix, v);
  return into;
}

function shown(path: string, v: unknown, w: In): string {
  const name = path.split(".").at(-1)!;
  if (v === undefined) return "";
  if (Array.isArray(v)) return v.map((x) => shown(path, x, w)).join(", ");
  if (typeof v === "boolean") return w.t(v ? "setting.yes" : "setting.no");
  if (typeof v === "number") return path.includes("usd") ? usdExact(w.locale, v) : exact(w.locale, v);
  const s = String(v);
  if (/^\d{4}-\d\d-\d\dT/.test(s)) return dateTime(w.locale, w.zone, s);
  if (name === "role" && w.te("role." + s)) return w.t("role." + s);
  if (name === "source" && w.te("user." + s)) return w.t("user." + s);
  return s;
}

/** A field's name; one without words here keeps its own. */
const named = (path: string, w: In): string => path.split(".").map((p) => (w.te("field." + p) ? w.t("field." + p) : p)).join(" · ");

export function changesOf(before: unknown, after: unknown, w: In): Change[] {
  const a = flat(before);
  const b = flat(after);
  return [...new Set([...a.keys(), ...b.keys()])].map((path) => ({ name: named(path, w), before: shown(path, a.get(path), w), after: shown(path, b.get(path), w) }));
}
