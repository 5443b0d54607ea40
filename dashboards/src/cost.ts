import * as units from "@grafana/grafana-foundation-sdk/units";
import { figures, graph, rows, shares, type Board } from "./lib.ts";
import { all, byInstance, inRange, last, rate } from "./queries.ts";

const budget = ["instance", "scope", "key", "period"];
const of = (metric: string): string => `sum by (${budget.join(", ")}) (${last(metric, `${byInstance},key=~"$key"`)})`;

/** Seconds until a budget is used up, if a key goes on as it did in the range. */
const left = (unit: "usd" | "tokens", counter: string): string =>
  `clamp_min(${of(`budget_limit_${unit}`)} - ${of(`budget_used_${unit}`)}, 0) / on (instance, key) group_left () (sum by (instance, key) (rate(tokenboard_${counter}{${all}}[$__range])) > 0)`;

export const cost: Board = {
  name: "cost-and-budgets",
  title: "Tokenboard / Cost and budgets",
  description: "What is spent, how fast, and how much of the budgets is left. Budgets are of keys, or (scope console) of all calls; filters other than instance and key do not apply to them.",
  variables: ["provider", "model", "service", "key"],
  sections: [
    {
      title: "Spending",
      panels: [
        figures({ title: "Cost in the range", description: "Cost of the calls whose cost is known.", unit: units.Dollars, width: 6 }, [[inRange("cost_usd_total"), "cost"]]),
        figures({ title: "Burn a day", description: "What a day costs, going on as in the range.", unit: units.Dollars, width: 6 }, [[`sum(rate(tokenboard_cost_usd_total{${all}}[$__range])) * 86400`, "a day"]]),
        figures({ title: "Burn a month", description: "What 30 days cost, going on as in the range.", unit: units.Dollars, width: 6 }, [[`sum(rate(tokenboard_cost_usd_total{${all}}[$__range])) * 86400 * 30`, "30 days"]]),
        figures({ title: "Unpriced calls", description: "Calls in the range with tokens whose cost is not known: the cost is too low by these.", unit: units.Short, width: 6 }, [[inRange("unpriced_calls_total"), "calls"]]),
        graph({ title: "Cost an hour, by provider", description: "Money spent at the rate of each moment, as for an hour.", unit: units.Dollars, width: 12 }, [[`${rate("cost_usd_total", { by: ["provider"] })} * 3600`, "{{provider}}"]], true),
        graph({ title: "Cost an hour, by service", description: "Money spent at the rate of each moment, as for an hour.", unit: units.Dollars, width: 12 }, [[`${rate("cost_usd_total", { by: ["service"] })} * 3600`, "{{service}}"]], true),
      ],
    },
    {
      title: "Budgets",
      panels: [
        shares({ title: "Money used", description: "Share of each budget of money that is used in its period.", unit: units.PercentUnit, width: 12 }, [[`${of("budget_used_usd")} / ${of("budget_limit_usd")}`, "{{scope}} {{key}} / {{period}}"]]),
        shares({ title: "Tokens used", description: "Share of each budget of tokens that is used in its period.", unit: units.PercentUnit, width: 12 }, [[`${of("budget_used_tokens")} / ${of("budget_limit_tokens")}`, "{{scope}} {{key}} / {{period}}"]]),
        rows({ title: "Budgets of money", description: "Time left is until the budget is used up, going on as in the range; where that is longer than until it begins anew, it lasts.", unit: units.Dollars, width: 24 }, budget, [
          { name: "Used", expr: of("budget_used_usd"), unit: units.Dollars },
          { name: "Limit", expr: of("budget_limit_usd"), unit: units.Dollars },
          { name: "Begins anew in", expr: `${of("budget_reset_timestamp_seconds")} - time() and ${of("budget_limit_usd")}`, unit: units.DurationSeconds },
          { name: "Time left", expr: left("usd", "cost_usd_total"), unit: units.DurationSeconds },
        ]),
        rows({ title: "Budgets of tokens", description: "Time left is until the budget is used up, going on as in the range; where that is longer than until it begins anew, it lasts.", unit: units.Short, width: 24 }, budget, [
          { name: "Used", expr: of("budget_used_tokens"), unit: units.Short },
          { name: "Limit", expr: of("budget_limit_tokens"), unit: units.Short },
          { name: "Begins anew in", expr: `${of("budget_reset_timestamp_seconds")} - time() and ${of("budget_limit_tokens")}`, unit: units.DurationSeconds },
          { name: "Time left", expr: left("tokens", "tokens_total"), unit: units.DurationSeconds },
        ]),
        graph({ title: "Money used over time", description: "Used of each budget of money; it falls where a period begins anew.", unit: units.Dollars, width: 12 }, [[of("budget_used_usd"), "{{scope}} {{key}} / {{period}}"]]),
        graph({ title: "Tokens used over time", description: "Used of each budget of tokens; it falls where a period begins anew.", unit: units.Short, width: 12 }, [[of("budget_used_tokens"), "{{scope}} {{key}} / {{period}}"]]),
      ],
    },
  ],
};
