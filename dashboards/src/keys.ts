import * as units from "@grafana/grafana-foundation-sdk/units";
import { figures, graph, rows, toLog, type Board } from "./lib.ts";
import { inRange, last, rate } from "./queries.ts";

const of = ["key"];

export const keys: Board = {
  name: "keys-and-users",
  title: "Tokenboard / Keys and users",
  description: "Which API keys spent what. Users are no label, because there may be any number of them: the console, to which the link above leads, shows them.",
  variables: ["provider", "model", "service", "key"],
  sections: [
    {
      title: "Now",
      panels: [
        figures({ title: "Keys by status", description: "API keys by status.", unit: units.Short, width: 12 }, [[`sum by (status) (${last("keys")})`, "{{status}}"]]),
        figures({ title: "Keys in use", description: "Keys with calls in the range, those that Tokenboard does not know included.", unit: units.Short, width: 6 }, [[`count(${inRange("calls_total", { by: of, more: 'key!=""' })} > 0) or vector(0)`, "keys"]]),
        figures({ title: "Calls without a key", description: "Calls in the range that told no key.", unit: units.Short, width: 6 }, [[`${inRange("calls_total", { more: 'key=""' })} or vector(0)`, "calls"]]),
      ],
    },
    {
      title: "In the range of time",
      panels: [
        rows({ title: "Keys", description: "All keys in the range. A click leads to the calls in the console's log.", unit: units.Short, width: 24 }, of, [
          { name: "Cost", expr: inRange("cost_usd_total", { by: of }), unit: units.Dollars },
          { name: "Calls", expr: inRange("calls_total", { by: of }), unit: units.Short },
          { name: "Tokens", expr: inRange("tokens_total", { by: of }), unit: units.Short },
          { name: "Errors", expr: inRange("errors_total", { by: of }), unit: units.Short },
          { name: "Without usage", expr: inRange("calls_without_usage_total", { by: of }), unit: units.Short },
        ], [toLog(of)]),
      ],
    },
    {
      title: "Over time",
      panels: [
        graph({ title: "Cost an hour, the ten keys that cost most", description: "Money spent at the rate of each moment, as for an hour.", unit: units.Dollars, width: 12 }, [[`topk(10, ${rate("cost_usd_total", { by: of })}) * 3600`, "{{key}}"]], true),
        graph({ title: "Tokens a minute, the ten keys with most", description: "Tokens of all kinds.", unit: units.Short, width: 12 }, [[`topk(10, ${rate("tokens_total", { by: of })}) * 60`, "{{key}}"]], true),
        graph({ title: "Calls a minute, the ten keys with most", description: "Model calls, failed ones included.", unit: units.Short, width: 12 }, [[`topk(10, ${rate("calls_total", { by: of })}) * 60`, "{{key}}"]], true),
        graph({ title: "Failed calls a minute, the ten keys with most", description: "Calls that failed.", unit: units.Short, width: 12 }, [[`topk(10, ${rate("errors_total", { by: of })}) * 60`, "{{key}}"]], true),
      ],
    },
    {
      title: "Services",
      panels: [
        graph({ title: "Tokens a minute, by service", description: "Tokens of all kinds, by the service that made the calls.", unit: units.Short, width: 12 }, [[`${rate("tokens_total", { by: ["service"] })} * 60`, "{{service}}"]], true),
        rows({ title: "Services", description: "Services by what they cost in the range. A click leads to the calls in the console's log.", unit: units.Short, width: 12 }, ["service"], [
          { name: "Cost", expr: inRange("cost_usd_total", { by: ["service"] }), unit: units.Dollars },
          { name: "Tokens", expr: inRange("tokens_total", { by: ["service"] }), unit: units.Short },
          { name: "Calls", expr: inRange("calls_total", { by: ["service"] }), unit: units.Short },
        ], [toLog(["service"])]),
      ],
    },
  ],
};
