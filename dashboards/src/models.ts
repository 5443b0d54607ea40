import * as units from "@grafana/grafana-foundation-sdk/units";
import { graph, rows, toLog, type Board } from "./lib.ts";
import { inRange, quantile, rate, share } from "./queries.ts";

const of = ["provider", "model"];

export const models: Board = {
  name: "models",
  title: "Tokenboard / Models",
  description: "What each model is used for, costs and does.",
  variables: ["provider", "model", "service", "key"],
  sections: [
    {
      title: "In the range of time",
      panels: [
        rows({ title: "Models", description: "All models in the range. A click leads to the calls in the console's log.", unit: units.Short, width: 24 }, of, [
          { name: "Cost", expr: inRange("cost_usd_total", { by: of }), unit: units.Dollars },
          { name: "Calls", expr: inRange("calls_total", { by: of }), unit: units.Short },
          { name: "Tokens", expr: inRange("tokens_total", { by: of }), unit: units.Short },
          { name: "USD per million tokens", expr: `1e6 * ${inRange("cost_usd_total", { by: of })} / (${inRange("tokens_total", { by: of })} > 0)`, unit: units.Dollars },
          { name: "Error share", expr: `${inRange("errors_total", { by: of })} / (${inRange("calls_total", { by: of })} > 0)`, unit: units.PercentUnit },
          { name: "Without usage", expr: inRange("calls_without_usage_total", { by: of }), unit: units.Short },
          { name: "Unpriced", expr: inRange("unpriced_calls_total", { by: of }), unit: units.Short },
        ], [toLog(of)]),
      ],
    },
    {
      title: "Over time",
      panels: [
        graph({ title: "Calls a minute, by model", description: "Model calls, failed ones included.", unit: units.Short, width: 12 }, [[`${rate("calls_total", { by: ["model"] })} * 60`, "{{model}}"]], true),
        graph({ title: "Output tokens a minute, by model", description: "Tokens that models wrote, reasoning included.", unit: units.Short, width: 12 }, [[`${rate("tokens_total", { more: 'kind=~"output_text|reasoning"', by: ["model"] })} * 60`, "{{model}}"]], true),
        graph({ title: "Input tokens a minute, by model", description: "Tokens that models read, from a cache or not.", unit: units.Short, width: 12 }, [[`${rate("tokens_total", { more: 'kind=~"input_uncached|cache_read|cache_write"', by: ["model"] })} * 60`, "{{model}}"]], true),
        graph({ title: "Reasoning share of the output", description: "Share of the output tokens that was reasoning, where it is told apart.", unit: units.PercentUnit, width: 12 }, [
          [share(rate("tokens_total", { more: 'kind="reasoning"' }), rate("tokens_total", { more: 'kind=~"output_text|reasoning"' })), "reasoning"],
        ]),
        graph({ title: "Error share, by model", description: "Share of the calls of each model that failed.", unit: units.PercentUnit, width: 12 }, [[`${rate("errors_total", { by: ["model"] })} / ${rate("calls_total", { by: ["model"] })}`, "{{model}}"]]),
        graph({ title: "Output tokens a second, median by model", description: "Speed of a call from its first token on. It knows provider and model only: other filters do not apply.", unit: units.CountsPerSecond, width: 12 }, [[quantile(0.5, "output_tokens_per_second", ["model"]), "{{model}}"]]),
      ],
    },
  ],
};
