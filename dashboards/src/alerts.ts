// The alert rules, once, in the two forms: Grafana's file provisioning and Prometheus' rule files.
import * as alerting from "@grafana/grafana-foundation-sdk/alerting";
import * as expr from "@grafana/grafana-foundation-sdk/expr";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";

/** The data source of the rules: provisioned rules can have no variable. examples/grafana provisions it. */
export const alertDatasource = "tokenboard-prometheus";

export interface Alert {
  name: string;
  /** what is compared */
  query: string;
  above: number;
  for: string;
  severity: "warning" | "critical";
  summary: string;
  description: string;
  /** whether nothing to compare is an alert, too */
  absent?: string;
}

const used = (["usd", "tokens"] as const)
  .map((unit) => `label_replace(tokenboard_budget_used_${unit} / tokenboard_budget_limit_${unit}, "unit", "${unit}", "", "")`)
  .join(" or ");

const sum = (metric: string, range: string): string => `sum by (instance) (increase(tokenboard_${metric}[${range}]))`;

export const alerts: Alert[] = [
  {
    name: "TokenboardBudgetNearlyUsed", query: used, above: 0.8, for: "0s", severity: "warning",
    summary: "80 % of a budget is used", description: "The {{ .Labels.period }} budget of {{ .Labels.scope }} {{ .Labels.key }} in {{ .Labels.unit }} is used by more than 80 %.",
  },
  {
    name: "TokenboardBudgetUsedUp", query: used, above: 0.9999999, for: "0s", severity: "critical",
    summary: "A budget is used up", description: "The {{ .Labels.period }} budget of {{ .Labels.scope }} {{ .Labels.key }} in {{ .Labels.unit }} is used up.",
  },
  {
    name: "TokenboardSpendSpike", above: 4, for: "10m", severity: "warning",
    query: `sum by (instance) (rate(tokenboard_cost_usd_total[1h])) / (sum by (instance) (rate(tokenboard_cost_usd_total[1d])) > 0) and on (instance) ${sum("cost_usd_total", "1h")} > 1`,
    summary: "Spending is unusually high", description: "The last hour cost more than four times the mean hour of the last day, and more than 1 USD.",
  },
  {
    name: "TokenboardCallsWithoutUsage", above: 0.05, for: "15m", severity: "warning",
    query: `(${sum("calls_without_usage_total", "1h")} - ${sum("errors_total", "1h")}) / (${sum("calls_total", "1h")} > 20)`,
    summary: "Calls tell no token figures", description: "More than 5 % of the calls of the last hour, beyond those that failed, told no token figures: what they used is not counted.",
  },
  {
    name: "TokenboardErrorRatio", above: 0.1, for: "10m", severity: "warning",
    query: `${sum("errors_total", "10m")} / (${sum("calls_total", "10m")} > 20)`,
    summary: "Many model calls fail", description: "More than 10 % of the calls of the last ten minutes failed.",
  },
  {
    name: "TokenboardNothingReceived", above: 3600, for: "5m", severity: "warning",
    query: "time() - tokenboard_store_last_commit_timestamp_seconds", absent: "tokenboard_store_records",
    summary: "No telemetry arrives", description: "Nothing was written for an hour, or Tokenboard is not scraped.",
  },
];

const group = "tokenboard";
const runbook = "https://github.com/tokenboard/tokenboard/blob/main/docs/grafana.md#alerts";

const annotations = (a: Alert): Record<string, string> => ({ summary: a.summary, description: a.description, runbook_url: runbook });
const uid = (a: Alert): string => a.name.replace(/(?<!^)([A-Z])/g, "-$1").toLowerCase();
/** Longest range in a query, in seconds: as far back as Grafana must ask. */
const back = (query: string): number => Math.max(600, ...[...query.matchAll(/\[(\d+)([mhd])\]/g)].map((m) => Number(m[1]) * { m: 60, h: 3600, d: 86400 }[m[2] as "m" | "h" | "d"]));

/** Grafana's rules. Its file provisioning has other names than its API, whose types the SDK has. */
export function grafanaRules(): unknown {
  const rules = alerts.map((a) =>
    new alerting.RuleBuilder(a.name).uid(uid(a)).ruleGroup(group).folderUID(group).condition("above").forDuration(a.for)
      .annotations(annotations(a)).labels({ severity: a.severity })
      .noDataState(a.absent ? "Alerting" : "OK").execErrState("Error")
      .withQuery(new alerting.QueryBuilder("value").datasourceUid(alertDatasource).relativeTimeRange({ from: back(a.query), to: 0 })
        .model(new prometheus.DataqueryBuilder().expr(a.query).instant().refId("value").datasource({ type: "prometheus", uid: alertDatasource })))
      .withQuery(new alerting.QueryBuilder("above").datasourceUid("__expr__").relativeTimeRange({ from: 0, to: 0 })
        .model(new expr.TypeThresholdBuilder().refId("above").datasource({ type: "__expr__", uid: "__expr__" }).expression("value")
          .conditions([{ evaluator: { type: "gt", params: [a.above] } }])))
      .build());
  return {
    apiVersion: 1,
    groups: [{
      orgId: 1, name: group, folder: "Tokenboard", interval: "1m",
      rules: rules.map((r) => ({
        uid: r.uid, title: r.title, condition: r.condition, for: r.for, noDataState: r.noDataState, execErrState: r.execErrState,
        annotations: r.annotations, labels: r.labels, isPaused: false, data: r.data,
      })),
    }],
  };
}

/** Prometheus' rules. */
export function prometheusRules(): unknown {
  return {
    groups: [{
      name: group,
      rules: alerts.map((a) => ({
        alert: a.name, expr: `(${a.query}) > ${a.above}${a.absent ? ` or absent(${a.absent})` : ""}`, for: a.for,
        labels: { severity: a.severity }, annotations: annotations(a),
      })),
    }],
  };
}
