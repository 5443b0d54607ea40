// Draws the dashboards as SVG from what a Prometheus answers to their queries, for docs/grafana.md. It is
// no Grafana: same panels, same places, same queries, same answers, plainer looks.
//
//	npm run pictures -- http://127.0.0.1:9090 ../docs/images 10m
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GridPos, Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import { boards } from "./generate.ts";
import { make } from "./lib.ts";

const [server, folder, span] = process.argv.slice(2) as [string, string, string];
if (!span) throw new Error("usage: pictures URL FOLDER SPAN, such as http://127.0.0.1:9090 ../docs/images 10m");
const seconds = Number.parseInt(span, 10) * ({ m: 60, h: 3600, d: 86400 }[span.at(-1)!] ?? 1);
const end = Math.floor(Date.now() / 1000);
const step = Math.max(2, Math.round(seconds / 120));

interface Series { metric: Record<string, string>; value?: [number, string]; values?: [number, string][] }
interface Target { expr: string; legendFormat?: string; range?: boolean }

async function ask({ expr, range }: Target): Promise<Series[]> {
  const query = expr.replaceAll("$__rate_interval", "1m").replaceAll("$__range", span).replace(/"\$\w+"/g, '".*"');
  const q = new URLSearchParams(range ? { query, start: String(end - seconds), end: String(end), step: String(step) } : { query, time: String(end) });
  const res = await fetch(`${server}/api/v1/${range ? "query_range" : "query"}?${q}`);
  const answer = (await res.json()) as { status: string; error?: string; data: { result: Series[] } };
  if (answer.status !== "success") throw new Error(`${query}: ${answer.error}`);
  return answer.data.result;
}

const cell = { w: 56, h: 30 };
const colours = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300"];
const text = (s: string): string => s.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const cut = (s: string, n: number): string => (s.length > n ? s.slice(0, n - 1) + "…" : s);

const big = (v: number): string => {
  for (const [n, unit] of [[1e9, " B"], [1e6, " M"], [1e3, " K"]] as const) if (Math.abs(v) >= n) return (v / n).toPrecision(3) + unit;
  return String(Number(v.toPrecision(3)));
};
function shown(v: number, unit: string | undefined): string {
  if (!Number.isFinite(v)) return "–";
  if (unit === "currencyUSD") return "$" + (Math.abs(v) >= 1000 ? big(v) : v.toFixed(Math.abs(v) < 1 ? 3 : 2));
  if (unit === "percentunit") return (v * 100).toPrecision(3) + " %";
  if (unit === "bytes") return v >= 2 ** 20 ? (v / 2 ** 20).toPrecision(3) + " MiB" : (v / 1024).toPrecision(3) + " KiB";
  if (unit === "s") return v < 1 ? (v * 1000).toPrecision(3) + " ms" : v.toPrecision(3) + " s";
  if (unit === "dtdurations") return v > 172800 ? (v / 86400).toPrecision(3) + " days" : v > 7200 ? (v / 3600).toPrecision(3) + " h" : Math.round(v) + " s";
  return unit === "cps" ? big(v) + "/s" : big(v);
}

const legend = (format: string, metric: Record<string, string>): string => format.replace(/\{\{(\w+)\}\}/g, (_, l: string) => metric[l] ?? "").trim() || Object.values(metric).join(" ") || format;

type Answers = { target: Target; series: Series[] }[];
type Draw = (p: Panel, a: Answers, w: number, h: number) => string;

const figure: Draw = (p, a, w, h) => {
  const all = a.flatMap(({ target, series }) => series.map((s) => ({ name: legend(target.legendFormat ?? "", s.metric), v: Number(s.value?.[1]) })));
  return all.map(({ name, v }, i) => {
    const x = (w / all.length) * (i + 0.5);
    return `<text x="${x}" y="${h / 2 + 14}" class="big">${text(shown(v, p.fieldConfig?.defaults.unit))}</text>` + (all.length > 1 ? `<text x="${x}" y="${h / 2 + 32}" class="mid">${text(name)}</text>` : "");
  }).join("");
};

const lines: Draw = (p, a, w, h) => {
  const stacked = JSON.stringify(p.fieldConfig?.defaults.custom ?? {}).includes('"mode":"normal"');
  const series = a.flatMap(({ target, series: found }) => found.map((s) => ({ name: legend(target.legendFormat ?? "", s.metric), at: new Map((s.values ?? []).map(([t, v]) => [t, Number(v)])) })));
  const times = [...new Set(series.flatMap((s) => [...s.at.keys()]))].sort((x, y) => x - y);
  const base = new Map<number, number>();
  const tops = series.map((s) => times.map((t) => {
    const v = s.at.get(t) ?? Number.NaN;
    if (!stacked || !Number.isFinite(v)) return v;
    base.set(t, (base.get(t) ?? 0) + v);
    return base.get(t)!;
  }));
  const most = Math.max(1e-12, ...tops.flat().filter(Number.isFinite));
  const left = 58, right = w - 190, top = 34, bottom = h - 24;
  const x = (t: number): string => (left + ((t - (end - seconds)) / seconds) * (right - left)).toFixed(1);
  const y = (v: number): string => (bottom - (v / most) * (bottom - top)).toFixed(1);
  const grid = [0, 0.5, 1].map((f) => `<line x1="${left}" x2="${right}" y1="${y(most * f)}" y2="${y(most * f)}" class="grid"/><text x="${left - 6}" y="${Number(y(most * f)) + 4}" class="end">${shown(most * f, p.fieldConfig?.defaults.unit)}</text>`).join("");
  const clock = [0, 0.5, 1].map((f) => `<text x="${left + f * (right - left)}" y="${h - 8}" class="mid">${new Date((end - seconds + f * seconds) * 1000).toISOString().slice(11, 16)}</text>`).join("");
  const drawn = tops.map((v, i) => {
    const points = times.flatMap((t, j) => (Number.isFinite(v[j]!) ? [`${x(t)},${y(v[j]!)}`] : [])).join(" ");
    const colour = colours[i % colours.length]!;
    const area = stacked && points ? `<polygon points="${x(times[0]!)},${bottom} ${points} ${x(times.at(-1)!)},${bottom}" fill="${colour}" opacity=".25"/>` : "";
    return { svg: area + `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.3"/>`, order: stacked ? -i : i };
  }).sort((p1, p2) => p1.order - p2.order).map((d) => d.svg).join("");
  const rows = Math.floor((h - 50) / 16);
  const names = series.slice(0, rows).map((s, i) => `<rect x="${right + 12}" y="${36 + i * 16}" width="9" height="9" fill="${colours[i % colours.length]}"/><text x="${right + 26}" y="${45 + i * 16}">${text(cut(s.name, 17))}</text><text x="${w - 8}" y="${45 + i * 16}" class="end">${shown([...s.at.values()].at(-1) ?? Number.NaN, p.fieldConfig?.defaults.unit)}</text>`).join("");
  return grid + clock + drawn + names;
};

const heat: Draw = (p, a, w, h) => {
  const series = a.flatMap((x) => x.series).filter((s) => s.metric["le"] && s.metric["le"] !== "+Inf").sort((m, n) => Number(m.metric["le"]) - Number(n.metric["le"]));
  const left = 58, right = w - 12, top = 34, bottom = h - 24;
  const rowHeight = (bottom - top) / Math.max(1, series.length);
  const columns = new Map<number, number[]>();
  series.forEach((s, i) => (s.values ?? []).forEach(([t, v]) => (columns.get(t) ?? columns.set(t, []).get(t)!)[i] = Number(v)));
  const cells = [...columns].flatMap(([t, counts]) => counts.map((v, i) => ({ t, i, n: Math.max(0, v - (counts[i - 1] ?? 0)) })));
  const most = Math.max(1e-12, ...cells.map((c) => c.n).filter(Number.isFinite));
  const width = ((right - left) * step) / seconds;
  const boxes = cells.filter((c) => c.n > 0).map((c) => `<rect x="${(left + ((c.t - (end - seconds)) / seconds) * (right - left) - width).toFixed(1)}" y="${(bottom - (c.i + 1) * rowHeight).toFixed(1)}" width="${Math.max(1, width - 0.5).toFixed(1)}" height="${(rowHeight - 0.5).toFixed(1)}" fill="#ef843c" opacity="${(0.15 + (0.85 * c.n) / most).toFixed(2)}"/>`).join("");
  return boxes + series.map((s, i) => (i % 2 ? "" : `<text x="${left - 6}" y="${(bottom - i * rowHeight - 2).toFixed(1)}" class="end">${shown(Number(s.metric["le"]), p.fieldConfig?.defaults.unit)}</text>`)).join("");
};

const bars: Draw = (p, a, w, h) => {
  const all = a.flatMap(({ target, series }) => series.map((s) => ({ name: legend(target.legendFormat ?? "", s.metric), v: Number(s.value?.[1]) }))).sort((m, n) => n.v - m.v);
  return all.slice(0, Math.floor((h - 36) / 26)).map(({ name, v }, i) => {
    const y = 36 + i * 26, colour = v >= 1 ? "#e24d42" : v >= 0.8 ? "#eab839" : "#7eb26d";
    return `<text x="12" y="${y + 14}">${text(cut(name, 30))}</text><rect x="220" y="${y}" width="${w - 300}" height="18" class="back"/><rect x="220" y="${y}" width="${(Math.min(1, v) * (w - 300)).toFixed(1)}" height="18" fill="${colour}"/><text x="${w - 10}" y="${y + 14}" class="end">${shown(v, p.fieldConfig?.defaults.unit)}</text>`;
  }).join("");
};

const grid: Draw = (p, a, w, h) => {
  const organised = p.transformations!.find((t) => t.id === "organize")!.options as { renameByName: Record<string, string>; indexByName: Record<string, number> };
  const labels = Object.keys(organised.indexByName).filter((n) => !n.startsWith("Value"));
  const names = Object.values(organised.renameByName);
  const rows = new Map<string, { labels: string[]; values: number[] }>();
  a.forEach(({ series }, i) => series.forEach((s) => {
    const of = labels.map((l) => s.metric[l] ?? "");
    const row = rows.get(of.join("\0")) ?? { labels: of, values: [] };
    row.values[i] = Number(s.value?.[1]);
    rows.set(of.join("\0"), row);
  }));
  const unitOf = (name: string): string | undefined => p.fieldConfig?.overrides.find((o) => o.matcher.options === name)?.properties.find((x) => x.id === "unit")?.value as string | undefined;
  const wide = w / (labels.length + names.length);
  const line = (cells: string[], y: number, style: string): string => cells.map((c, i) => (i < labels.length ? `<text x="${12 + i * wide}" y="${y}" class="${style}">${text(cut(c, Math.floor(wide / 7)))}</text>` : `<text x="${(i + 1) * wide - 12}" y="${y}" class="end ${style}">${text(c)}</text>`)).join("");
  const sorted = [...rows.values()].sort((m, n) => (n.values[0] ?? 0) - (m.values[0] ?? 0));
  return line([...labels, ...names], 46, "head") + sorted.slice(0, Math.floor((h - 60) / 22)).map((r, i) => line([...r.labels, ...names.map((n, j) => shown(r.values[j] ?? Number.NaN, unitOf(n)))], 68 + i * 22, "")).join("");
};

const draws: Record<string, Draw> = { stat: figure, timeseries: lines, heatmap: heat, bargauge: bars, table: grid };

const style = `text{font:12px sans-serif;fill:#c7d0d9}.big{font-size:26px;text-anchor:middle;fill:#fff}.mid{text-anchor:middle}.end{text-anchor:end}.head{fill:#6e9fff}.title{font-weight:600;fill:#e6e9ef}.row{font-size:14px;font-weight:600}.panel{fill:#181b1f;stroke:#2a2e36}.grid{stroke:#2f343d}.back{fill:#2a2e36}.note{fill:#8e98a5}`;

mkdirSync(folder, { recursive: true });
for (const board of boards) {
  const d = make(board);
  let out = "";
  let bottom = 0;
  for (const p of d.panels ?? []) {
    const g = p.gridPos as GridPos;
    const [x, y, w, h] = [g.x * cell.w + 6, g.y * cell.h + 50, g.w * cell.w - 8, g.h * cell.h - 8];
    bottom = Math.max(bottom, y + h);
    if (p.type === "row") {
      out += `<text x="${x + 4}" y="${y + 16}" class="row">${text(p.title ?? "")}</text>`;
      continue;
    }
    const panel = p as Panel;
    const answers: Answers = [];
    for (const target of (panel.targets ?? []) as unknown as Target[]) answers.push({ target, series: await ask(target) });
    out += `<svg x="${x}" y="${y}" width="${w}" height="${h}"><rect x=".5" y=".5" width="${w - 1}" height="${h - 1}" rx="3" class="panel"/><text x="12" y="20" class="title">${text(panel.title ?? "")}</text>${draws[panel.type]!(panel, answers, w, h)}</svg>`;
  }
  const width = 24 * cell.w + 8;
  const note = "Drawn by dashboards/src/pictures.ts from a real Prometheus' answers to the dashboard's queries; not a picture of Grafana.";
  writeFileSync(join(folder, `grafana-${board.name}.svg`), `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 14}" width="${width}" height="${bottom + 14}"><style>${style}</style><rect width="100%" height="100%" fill="#0f1114"/><text x="10" y="22" class="row">${text(d.title ?? "")}</text><text x="10" y="41" class="note">${text(note)}</text>${out}</svg>\n`);
}
