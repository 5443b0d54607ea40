// Tables as CSV for spreadsheets, RFC 4180.

export type Cell = string | number | boolean | null | undefined;

function cell(v: Cell): string {
  if (v === null || v === undefined) return "";
  let s = String(v);
  // no text becomes a formula, see https://owasp.org/www-community/attacks/CSV_Injection
  if (typeof v === "string" && /^[=+\-@\t\r]/.test(s)) s = "'" + s;
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
