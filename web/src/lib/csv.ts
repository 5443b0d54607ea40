// Tables as CSV for spreadsheets, RFC 4180.

export type Cell = string | number | boolean | null | undefined;

// What may stand before a formula without being seen: spreadsheets pass over it.
const invisible = String.raw`[\p{Z}\p{C}\p{M}\p{Default_Ignorable_Code_Point}"]*`;

// Beginnings of formulas, wide and small forms too. Some countries separate cells by semicolons.
const formula = new RegExp(`(^|[;\\t\\r\\n])(?=${invisible}[=+\\-@|＝＋－＠｜﹦﹢﹣﹫−])`, "gu");
const plainNumber = /^-?(\d+\.?\d*|\.\d+)$/;

/** Keeps spreadsheets from running a text as a formula, see https://owasp.org/www-community/attacks/CSV_Injection. */
export function neutral(s: string): string {
  if (plainNumber.test(s)) return s;
  return (/^[\t\r\n]/.test(s) ? "'" : "") + s.replace(formula, "$1'");
}

function cell(v: Cell): string {
  if (v === null || v === undefined) return "";
  const s = typeof v === "string" ? neutral(v) : String(v);
  return /[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s;
}

export function csv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((r) => r.map(cell).join(",") + "\r\n").join("");
}

/** Hands a text to the browser as a file. */
export function download(name: string, type: string, text: string): void {
  // spreadsheets take UTF-8 for what it is only after a byte order mark
  const url = URL.createObjectURL(new Blob(type === "text/csv" ? ["\uFEFF", text] : [text], { type: `${type};charset=utf-8` }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** tokenboard-models-2026-11-18_2026-11-24.csv: a file is named by the range of time that it covers. */
export function fileName(what: string, ext: string, range: string): string {
  return `tokenboard-${what}-${range}.${ext}`;
}
