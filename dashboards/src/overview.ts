import * as units from "@grafana/grafana-foundation-sdk/units";
import { figures, graph, rows, toLog, type Board } from "./lib.ts";
import { change, ever, inRange, rate, share } from "./queries.ts";

const extrapolated = " Prometheus extrapolates what it saw at its scrapes; the console's figure is exact.";

const pair = (metric: string): [string, string][] => [[inRange(metric), "in the range"], [change(metric), "change"]];

export const overview: Board = {
  name: "overview",
  title: "Tokenboard / Overview",
  description: "Who spent how many tokens, on which model, for how much money.",
  variables: ["provider", "model", "service", "key"],
  sections: [
    {
      title: "In the range of time, and the change against the range before",
      panels: [
        figures({ title: "Calls", description: "Model calls, failed ones included." + extrapolated, unit: units.Short, width: 6 }, pair("calls_total")),
        figures({ title: "Tokens", description: "Input, output, cached and reasoning tokens, each counted once." + extrapolated, unit: units.Short, width: 6 }, pair("tokens_total")),
        figures({ title: "Cost", description: "Cost of the calls whose cost is known." + extrapolated, unit: units.Dollars, width: 6 }, pair("cost_usd_total")),
        figures({ title: "Errors", description: "Calls that failed." + extrapolated, unit: units.Short, width: 6 }, pair("errors_total")),
      ],
    },
    {
      title: "Ever",
      panels: [
        figures({ title: "Calls ever", description: "All calls ever taken: the last value of a counter that survives restarts, as the console shows it.", unit: units.Short, width: 6 }, [[ever("calls_total"), "calls"]]),
        figures({ title: "Tokens ever", description: "All tokens ever taken: the last value of a counter that survives restarts, as the console shows it.", unit: units.Short, width: 6 }, [[ever("tokens_total"), "tokens"]]),
        figures({ title: "Cost ever", description: "Cost of all calls ever taken whose cost is known.", unit: units.Dollars, width: 6 }, [[ever("cost_usd_total"), "cost"]]),
        figures({ title: "Errors ever", description: "All failed calls ever taken.", unit: units.Short, width: 6 }, [[ever("errors_total"), "errors"]]),
      ],
    },
    {
      title: "Over time",
      panels: [
        graph({ title: "Cost an hour, by model", description: "Money spent at the rate of each moment, as for an hour.", unit: units.Dollars, width: 12 }, [[`${rate("cost_usd_total", { by: ["model"] })} * 3600`, "{{model}}"]], true),
        graph({ title: "Tokens a minute, by model", description: "Tokens of all kinds.", unit: units.Short, width: 12 }, [[`${rate("tokens_total", { by: ["model"] })} * 60`, "{{model}}"]], true),
        graph({ title: "Tokens a minute, by kind", description: "The kinds are disjoint: together they are all tokens.", unit: units.Short, width: 12 }, [[`${rate("tokens_total", { by: ["kind"] })} * 60`, "{{kind}}"]], true),
        graph({ title: "Cache-hit share", description: "Share of the input tokens that was read from the provider's cache.", unit: units.PercentUnit, width: 12 }, [
          [share(rate("tokens_total", { more: 'kind="cache_read"' }), rate("tokens_total", { more: 'kind=~"input_uncached|cache_read|cache_write"' })), "cache hits"],
        ]),
        graph({ title: "Error share", description: "Share of the calls that failed.", unit: units.PercentUnit, width: 12 }, [[share(rate("errors_total"), rate("calls_total")), "errors"]]),
        graph({ title: "Failed calls a minute, by status", description: "Failed calls by the class of their HTTP status; error where there is none.", unit: units.Short, width: 12 }, [[`${rate("errors_total", { by: ["status"] })} * 60`, "{{status}}"]], true),
      ],
    },
    {
      title: "Most",
      panels: [
        rows({ title: "Models", description: "Models by what they cost in the range. A click leads to the calls in the console's log.", unit: units.Short, width: 12 }, ["provider", "model"], [
          { name: "Cost", expr: inRange("cost_usd_total", { by: ["provider", "model"] }), unit: units.Dollars },
          { name: "Tokens", expr: inRange("tokens_total", { by: ["provider", "model"] }), unit: units.Short },
          { name: "Calls", expr: inRange("calls_total", { by: ["provider", "model"] }), unit: units.Short },
        ], [toLog(["provider", "model"])]),
        rows({ title: "Keys", description: "Keys by what they cost in the range. A click leads to the calls in the console's log.", unit: units.Short, width: 12 }, ["key"], [
          { name: "Cost", expr: inRange("cost_usd_total", { by: ["key"] }), unit: units.Dollars },
          { name: "Tokens", expr: inRange("tokens_total", { by: ["key"] }), unit: units.Short },
          { name: "Calls", expr: inRange("calls_total", { by: ["key"] }), unit: units.Short },
        ], [toLog(["key"])]),
      ],
    },
  ],
};
