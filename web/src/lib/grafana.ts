import { dimensions, type Filters } from "./filters";
import type { Span } from "./range";

/** What Grafana's dashboards have variables for; the others they cannot filter by. */
const variables = ["provider", "model", "service", "key"];

/** The address of a dashboard with the filters and the time of a page. */
export function grafanaLink(dashboard: string, f: Filters, span: Span): string {
  const q = new URLSearchParams();
  if (span.from) q.set("from", String(Date.parse(span.from)));
  q.set("to", span.to ? String(Date.parse(span.to)) : "now");
  for (const d of dimensions) if (variables.includes(d)) for (const v of f.values[d]) q.append("var-" + d, v);
  return `${dashboard}?${q.toString()}`;
}
