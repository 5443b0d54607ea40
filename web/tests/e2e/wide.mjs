// Telemetry of many groups: 300 models, 100 keys, thousands of pairs, calls that no price is known for, failures.
import { createHash } from "node:crypto";
import { send } from "./telemetry.mjs";

const value = (v) => (typeof v === "number" ? (Number.isInteger(v) ? { intValue: String(v) } : { doubleValue: v }) : typeof v === "boolean" ? { boolValue: v } : { stringValue: String(v) });
const attributes = (o) => Object.entries(o).map(([key, v]) => ({ key, value: value(v) }));
const hex = (s, n) => createHash("sha256").update(s).digest("hex").slice(0, n);

const longName = "a-service-whose-name-somebody-made-from-the-whole-path-of-its-repository-and-the-branch-" + "x".repeat(120);
const priced = ["gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001", "o3", "gpt-4.1"];

/** The attributes of the n-th call of `wide`. */
function callOf(n, keys) {
  const model = n % 3 === 0 ? priced[n % priced.length] : `house-model-${String(n % 294).padStart(3, "0")}`;
  const failed = n % 17 === 0;
  return {
    failed, ms: 400 + ((n * 7919) % 60_000), service: n % 50 === 0 ? longName : `service-${n % 12}`,
    attrs: {
      "gen_ai.operation.name": "chat", "gen_ai.provider.name": n % 3 === 0 && model.startsWith("claude") ? "anthropic" : "openai",
      "gen_ai.request.model": model, "gen_ai.response.model": model, "user.id": `user-${(n * 31) % 240}`,
      ...(keys.length ? { "gen_ai.request.api_key": keys[n % keys.length] } : {}),
      ...(failed
        ? { "error.type": n % 34 === 0 ? "stream_disconnected_before_the_answer_was_complete" : "rate_limit_exceeded", "http.response.status_code": n % 34 === 0 ? 200 : 429 }
        : { "http.response.status_code": 200, "gen_ai.usage.input_tokens": 200 + ((n * 104_729) % 90_000), "gen_ai.usage.output_tokens": 20 + ((n * 1299) % 9000) }),
    },
  };
}

/**
 * Sends calls, spread over `days` before `now`, of up to 300 models, 240 users and the keys given. Among
 * them the calls of "spread", a model that has most of all tokens in rows each of which is small, and of
 * "dear", which has few tokens and most of the cost.
 */
export async function sendWide(otlp, { calls = 6000, days = 6, now = Date.now(), keys = [] } = {}) {
  const spans = [];
  const add = (id, start, { ms, failed, attrs, service }) => spans.push({
    service, span: {
      traceId: hex("wide" + id, 32), spanId: hex("wide-span" + id, 16), name: "chat", kind: 3, startTimeUnixNano: `${Math.floor(start)}000000`, endTimeUnixNano: `${Math.floor(start + ms)}000000`,
      ...(failed ? { status: { code: 2 } } : {}), attributes: attributes(attrs),
    },
  });
  for (let n = 0; n < calls; n++) add(n, now - 120_000 - (n / calls) * days * 86_400_000, callOf(n, keys));
  for (let n = 0; n < 2400; n++)
    add(`spread${n}`, now - 100_000 - n * 60_000, { ms: 300, service: "service-1", attrs: { "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.response.model": "gpt-4.1-nano", "user.id": `wide-user-${n}`, "gen_ai.usage.input_tokens": 90_000, "gen_ai.usage.output_tokens": 900 } });
  for (let n = 0; n < 40; n++)
    add(`dear${n}`, now - 90_000 - n * 3_600_000, { ms: 90_000 + n, service: "service-2", attrs: { "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.response.model": "o1-pro", "user.id": "user-1", "gen_ai.usage.input_tokens": 4000, "gen_ai.usage.output_tokens": 9000 } });
  const batch = 1000;
  for (let i = 0; i < spans.length; i += batch) {
    const byService = Map.groupBy ? Map.groupBy(spans.slice(i, i + batch), (s) => s.service) : spans.slice(i, i + batch).reduce((m, s) => m.set(s.service, [...(m.get(s.service) ?? []), s]), new Map());
    await send(otlp, "traces", JSON.stringify({
      resourceSpans: [...byService].map(([service, list]) => ({ resource: { attributes: attributes({ "service.name": service }) }, scopeSpans: [{ scope: { name: "wide" }, spans: list.map((s) => s.span) }] })),
    }));
  }
}

/** Makes keys with budgets: some with much left, some used up. */
export async function makeKeys(server, n = 100) {
  const secrets = [];
  for (let i = 0; i < n; i++) {
    const limits = [{ tokens: { day: 5_000_000 } }, { usd: { month: 0.01 } }, { tokens: { total: 1000 }, usd: { day: 20 } }, null][i % 4];
    const made = await server.api("/keys", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name: `key-${String(i).padStart(3, "0")}`, description: i % 10 === 0 ? "for the batch that runs at night" : "", ...(limits ? { limits } : {}) }) });
    secrets.push(made.key);
  }
  return secrets;
}
