import * as units from "@grafana/grafana-foundation-sdk/units";
import { graph, heat, type Board, type Query } from "./lib.ts";
import { buckets, quantile } from "./queries.ts";

const quantiles = (metric: string): Query[] => [
  [quantile(0.5, metric), "half"],
  [quantile(0.95, metric), "95 %"],
  [quantile(0.99, metric), "99 %"],
];

export const latency: Board = {
  name: "latency",
  title: "Tokenboard / Latency",
  description: "How long calls take, how long until the first token, and how fast models write. Works with classic and with native histograms.",
  variables: ["provider", "model"],
  sections: [
    {
      title: "Time to first token",
      panels: [
        graph({ title: "Time to first token", description: "Half, 95 % and 99 % of the streamed calls had their first token within this time.", unit: units.Seconds, width: 12 }, quantiles("time_to_first_token_seconds")),
        heat({ title: "Time to first token, all calls", description: "How many calls a second had their first token after this time.", unit: units.Seconds, width: 12 }, buckets("time_to_first_token_seconds")),
        graph({ title: "Time to first token, 95 % by model", description: "95 % of the streamed calls of each model had their first token within this time.", unit: units.Seconds, width: 24 }, [[quantile(0.95, "time_to_first_token_seconds", ["model"]), "{{model}}"]]),
      ],
    },
    {
      title: "Duration",
      panels: [
        graph({ title: "Duration", description: "Half, 95 % and 99 % of the calls ended within this time.", unit: units.Seconds, width: 12 }, quantiles("call_duration_seconds")),
        heat({ title: "Duration, all calls", description: "How many calls a second took this time.", unit: units.Seconds, width: 12 }, buckets("call_duration_seconds")),
        graph({ title: "Duration, 95 % by model", description: "95 % of the calls of each model ended within this time.", unit: units.Seconds, width: 24 }, [[quantile(0.95, "call_duration_seconds", ["model"]), "{{model}}"]]),
      ],
    },
    {
      title: "Speed",
      panels: [
        graph({ title: "Output tokens a second", description: "The slowest 5 %, half and 95 % of the calls wrote at most this fast, from their first token on.", unit: units.CountsPerSecond, width: 12 }, [
          [quantile(0.05, "output_tokens_per_second"), "5 %"],
          [quantile(0.5, "output_tokens_per_second"), "half"],
          [quantile(0.95, "output_tokens_per_second"), "95 %"],
        ]),
        heat({ title: "Output tokens a second, all calls", description: "How many calls a second wrote this fast.", unit: units.CountsPerSecond, width: 12 }, buckets("output_tokens_per_second")),
        graph({ title: "Output tokens a second, half by model", description: "Half of the calls of each model wrote at most this fast.", unit: units.CountsPerSecond, width: 24 }, [[quantile(0.5, "output_tokens_per_second", ["model"]), "{{model}}"]]),
      ],
    },
  ],
};
