// PromQL that several panels share. Counters stand in rate or increase only, except in ever(): the
// counters come from the ledger, survive restarts and never go down, so that their last value is the
// sum of all calls ever taken, which is what the console shows without filters.

/** What the variables of the dashboard choose. */
export const all = 'instance=~"$instance",provider=~"$provider",model=~"$model",service=~"$service",key=~"$key"';
/** The same for metrics with fewer labels. */
export const byModel = 'instance=~"$instance",provider=~"$provider",model=~"$model"';
export const byInstance = 'instance=~"$instance"';

const name = (metric: string): string => `tokenboard_${metric}`;
const sum = (expr: string, by: string[]): string => (by.length > 0 ? `sum by (${by.join(", ")}) (${expr})` : `sum(${expr})`);
const where = (selector: string, more?: string): string => (more ? `{${selector},${more}}` : `{${selector}}`);

export interface Of {
  selector?: string;
  /** further conditions on labels */
  more?: string;
  by?: string[];
}

/** The sum of all there ever was. */
export const ever = (metric: string, { selector = all, more, by = [] }: Of = {}): string => sum(`${name(metric)}${where(selector, more)}`, by);

/** What came in the dashboard's range of time. */
export const inRange = (metric: string, { selector = all, more, by = [] }: Of = {}): string =>
  sum(`increase(${name(metric)}${where(selector, more)}[$__range])`, by);

/** What came in the range, less what came in the one before. */
export const change = (metric: string, of: Of = {}): string =>
  `${inRange(metric, of)} - (${inRange(metric, of).replace("[$__range]", "[$__range] offset $__range")} or vector(0))`;

/** A second's share. */
export const rate = (metric: string, { selector = all, more, by = [] }: Of = {}): string =>
  sum(`rate(${name(metric)}${where(selector, more)}[$__rate_interval])`, by);

/** a / b, where a may have no series yet. */
export const share = (a: string, b: string): string => `(${a} or vector(0)) / ${b}`;

/** A quantile of a histogram, whichever form Prometheus took of it. */
export const quantile = (q: number, metric: string, by: string[] = []): string =>
  `histogram_quantile(${q}, ${rate(`${metric}_bucket`, { selector: byModel, by: ["le", ...by] })})` +
  ` or histogram_quantile(${q}, ${rate(metric, { selector: byModel, by })})`;

/** The buckets of a histogram, whichever form Prometheus took of it: the native one where there are no others. */
export const buckets = (metric: string): string => {
  const classic = rate(`${metric}_bucket`, { selector: byModel, by: ["le"] });
  return `${classic} or (${rate(metric, { selector: byModel })} unless on () ${classic})`;
};

/** A gauge as it is. */
export const last = (metric: string, selector: string = byInstance, more?: string): string => `${name(metric)}${where(selector, more)}`;
