// What a busy server holds: more groups, models and keys than fit anywhere, very long names, figures
// of every length, models without a price, failures of several kinds. Sent once, by few requests.
import { createHash } from "node:crypto";
import { send } from "./telemetry.mjs";

const minute = 60_000;
export const long = (s, n) => s + "-" + "abcdefghij".repeat(n).slice(0, n);
const priced = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-pro", "o3", "gpt-4.1-2025-04-14", "claude-opus-4-1-20250805", "deepseek-chat"];

export const models = [
  ...priced, long("acme-large-instruct", 230), "单位内部自建的超长名称大语言模型-第三代-增强指令跟随版-二零二六",
  ...Array.from({ length: 290 }, (_, i) => `in-house-model-${String(i).padStart(3, "0")}${i % 7 ? "" : "-" + "preview-".repeat(6)}`),
];
export const groups = 720;

const value = (v) => (typeof v === "number" ? { intValue: String(v) } : { stringValue: v });
const attributes = (o) => Object.entries(o).map(([key, v]) => ({ key, value: value(v) }));
const id = (i, n) => createHash("sha256").update("crowd" + i).digest("hex").slice(0, n);

/** Tokens from 1 to 1.2 thousand millions, in every number of digits. */
const tokensOf = (i) => Math.floor(1 + 1.23456789 * 10 ** (i % 10));

const providerOf = (i) => {
  const model = models[i % models.length];
  if (priced.includes(model)) return /^claude/.test(model) ? "anthropic" : /^gemini/.test(model) ? "gcp.gemini" : /^deepseek/.test(model) ? "deepseek" : "openai";
  return i % 5 ? "in-house" : long("provider", 40);
};

function span(i, now, secrets) {
  const start = now - 2 * minute - i * 11 * minute;
  const status = i % 9 === 4 ? [400, 429, 500, 529][i % 4] : 200;
  const input = tokensOf(i);
  return {
    traceId: id(i, 32), spanId: id(i + "s", 16), name: "chat", kind: 3, startTimeUnixNano: `${start}000000`, endTimeUnixNano: `${start + 3 + 7 ** (i % 7)}000000`,
    ...(status >= 400 ? { status: { code: 2, message: "the provider refused the request" } } : {}),
    attributes: attributes({
      "gen_ai.operation.name": "chat", "gen_ai.provider.name": providerOf(i), "gen_ai.response.model": models[i % models.length], "http.response.status_code": status,
      "enduser.id": i % 6 ? `user-${i}@example.org` : long(`user-${i}`, 90), "url.path": "/v1/" + long("chat/completions", 60),
      ...(status >= 400 ? { "error.type": long("rate_limit_exceeded", 80), "error.message": long("Rate limit reached for requests", 900) } : {
        "gen_ai.usage.input_tokens": input, "gen_ai.usage.output_tokens": Math.ceil(input / 3), "gen_ai.usage.cache_read.input_tokens": Math.floor(input / 2), "gen_ai.usage.reasoning.output_tokens": Math.floor(input / 9),
      }),
      ...(secrets.length && i % 3 === 0 ? { "gen_ai.request.api_key": secrets[i % secrets.length] } : {}),
    }),
  };
}

/** Fills a server: `api` writes keys and users, `otlp` takes the calls. */
export async function fill({ api, otlp }, now = Date.now()) {
  const post = (path, body) => api(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const secrets = [];
  for (let i = 0; i < 100; i++) {
    const key = await post("/keys", {
      name: i % 9 ? `client ${i}` : `客户端 ${i} ` + "很长的名称".repeat(12), description: i % 4 ? "" : "a laptop of the platform team, second floor", owner: i % 5 ? `owner-${i}` : long("owner", 80),
      ...(i % 3 ? {} : { limits: { tokens: { month: 10 ** (4 + (i % 6)) }, usd: { day: 250 }, requests_per_minute: 60 } }), ...(i % 8 ? {} : { expires_at: new Date(now + 90 * 86_400_000).toISOString() }),
    });
    secrets.push(key.key);
  }
  for (const [name, role] of [["ada.lovelace-of-the-analytical-engine.department@example.org", "operator"], ["bo", "viewer"], ["李雷", "member"]])
    await post("/users", { name, role, display_name: name.slice(0, 60), password: "a long pass phrase" });
  await post("/tokens", { name: "monthly report of the platform team", role: "viewer" });
  const team = await post("/teams", { name: long("platform team", 60), users: ["user-1@example.org", long("user-6", 90)], projects: [long("project", 90)] });
  for (const [i, [scope, subject]] of [["all"], ["team", team.id], ["user", long("user-6", 90)], ["model", models[0]], ["provider", providerOf(1)]].entries())
    for (const [j, period] of ["day", "week", "month", "total"].entries())
      await post("/budgets", { name: `${scope} by ${period}` + (j === 2 ? long(" and more", 60) : ""), scope, ...(subject ? { subject } : {}), period, hard: j === 1, ...(j % 2 ? { usd: 12_345.5 * 10 ** i } : { tokens: 1_234_567 * 1000 ** (i % 3) }), ...(j === 2 ? { month_begins: 31 } : {}) });
  const services = ["gateway", long("service", 120)];
  for (let from = 0; from < groups; from += 240) {
    const spans = Array.from({ length: Math.min(240, groups - from) }, (_, i) => span(from + i, now, secrets));
    await send(otlp, "traces", JSON.stringify({
      resourceSpans: services.map((service, s) => ({ resource: { attributes: attributes({ "service.name": service }) }, scopeSpans: [{ scope: { name: "crowd" }, spans: spans.filter((_, i) => i % services.length === s) }] })),
    }));
  }
  const quiet = [{ from: "22:00", to: "07:00", timezone: "America/Argentina/ComodRivadavia" }];
  for (const [i, severity] of ["info", "warning", "critical"].entries())
    for (const [kind, limit] of [["spend", 0.001], ["tokens", 1], ["unpriced", 1]])
      await post("/alerts/rules", { name: long(`${severity} ${kind}`, 80), kind, severity, enabled: true, limit: limit * 10 ** i, window: "30d", quiet, repeat_seconds: 5400, filter: i ? {} : { model: models.slice(0, 60), user: [long("user-6", 90)] } });
  await post("/alerts/channels", { name: long("everybody on duty", 80), kind: "email", enabled: false, language: "zh", settings: { host: "mail.example.com", from: "a@example.com", to: Array.from({ length: 20 }, (_, i) => `person-${i}@example.org`).join(", ") } });
  const hook = await post("/alerts/channels", { name: "hook", kind: "webhook", language: "en", settings: { url: "https://127.0.0.1:9/" + "x".repeat(300) }, secrets: { signing_secret: "whsec_" + "A".repeat(40) } });
  await post(`/alerts/channels/${hook.id}/test`, undefined);
}
