import * as units from "@grafana/grafana-foundation-sdk/units";
import { figures, graph, warning, type Board } from "./lib.ts";
import { byInstance, inRange, last, rate, share } from "./queries.ts";

const selector = byInstance;

export const health: Board = {
  name: "collector-health",
  title: "Tokenboard / Collector health",
  description: "Whether telemetry arrives and what keeps the figures from being perfect.",
  variables: [],
  sections: [
    {
      title: "Now",
      panels: [
        figures({ title: "Since the last write", description: "Time since calls were written last. Long where nobody calls a model, or where telemetry does not arrive.", unit: units.DurationSeconds, width: 6 }, [[`time() - max(${last("store_last_commit_timestamp_seconds")})`, "lag"]], warning(3600, 86400)),
        figures({ title: "Records", description: "Stored call records, superseded ones included.", unit: units.Short, width: 6 }, [[`sum(${last("store_records")})`, "records"]]),
        figures({ title: "Database", description: "Size of the database on disk.", unit: units.BytesIEC, width: 6 }, [[`sum(${last("store_size_bytes")})`, "size"]]),
        figures({ title: "Series", description: "Combinations of labels that calls are counted by; from series::max of the store on (2,000, unless it is set), what is new is counted as other.", unit: units.Short, width: 6 }, [[`max(${last("series")})`, "series"]]),
        figures({ title: "Calls without usage", description: "Share of the calls in the range that told no token figures, failed ones included.", unit: units.PercentUnit, width: 6 }, [[share(inRange("calls_without_usage_total", { selector }), inRange("calls_total", { selector })), "share"]], warning(0.05, 0.2)),
        figures({ title: "Unpriced calls", description: "Share of the calls in the range with tokens whose cost is not known.", unit: units.PercentUnit, width: 6 }, [[share(inRange("unpriced_calls_total", { selector }), inRange("calls_total", { selector })), "share"]], warning(0.01, 0.1)),
        figures({ title: "Refused records", description: "Records in the range that were not taken: too old, from the future, or without identity or time.", unit: units.Short, width: 6 }, [[inRange("refused_records_total", { selector }), "refused"]], warning(1, 100)),
        figures({ title: "Answer to a scrape", description: "How long Prometheus waited for the metrics.", unit: units.Seconds, width: 6 }, [[`max(scrape_duration_seconds{${selector}} and on (instance, job) ${last("store_records")})`, "duration"]], warning(1, 5)),
      ],
    },
    {
      title: "Arrivals",
      panels: [
        graph({ title: "Calls received a minute, by service", description: "Calls that count, by the service that told of them.", unit: units.Short, width: 12 }, [[`${rate("calls_total", { selector, by: ["service"] })} * 60`, "{{service}}"]], true),
        graph({ title: "Batches written a minute", description: "Requests with telemetry that were acknowledged: on disk.", unit: units.Short, width: 12 }, [[`${rate("commits_total", { selector, by: ["instance"] })} * 60`, "{{instance}}"]]),
        graph({ title: "Records refused a minute, by reason", description: "Too old: older than what is kept. Future: from further in the future than clocks go wrong. Unusable: without identity or time.", unit: units.Short, width: 12 }, [[`${rate("refused_records_total", { selector, by: ["reason"] })} * 60`, "{{reason}}"]]),
        graph({ title: "Records told of again a minute", description: "Duplicates changed nothing; fuller ones replaced an earlier delivery; superseded ones counted until a record came that stands for the same call.", unit: units.Short, width: 12 }, [
          [`${rate("duplicate_records_total", { selector })} * 60`, "duplicate"],
          [`${rate("fuller_records_total", { selector })} * 60`, "fuller"],
          [`${rate("superseded_records_total", { selector })} * 60`, "superseded"],
        ]),
      ],
    },
    {
      title: "Limits",
      panels: [
        graph({ title: "Time since the last write", description: "It grows while nothing arrives.", unit: units.Seconds, width: 12 }, [[`time() - ${last("store_last_commit_timestamp_seconds")}`, "{{instance}}"]]),
        graph({ title: "Database size", description: "Size of the database on disk.", unit: units.BytesIEC, width: 12 }, [[last("store_size_bytes"), "{{instance}}"]]),
        graph({ title: "Records removed a minute", description: "Records that retention removed. The counters keep what they counted.", unit: units.Short, width: 12 }, [[`${rate("dropped_records_total", { selector })} * 60`, "removed"]]),
        graph({ title: "Limits of memory reached, a minute", description: "Forgotten: spans whose late relatives will not be recognised (correlation::max_spans). Folded: calls that some sums show as (other) (sums::max_values).", unit: units.Short, width: 12 }, [
          [`${rate("forgotten_spans_total", { selector })} * 60`, "forgotten"],
          [`${rate("folded_calls_total", { selector })} * 60`, "folded"],
        ]),
      ],
    },
  ],
};
