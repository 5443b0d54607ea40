// Makes the pictures of docs/images: the real binary, filled with a fortnight of a small company's calls.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, openPage } from "../e2e/browser.mjs";
import { startServer } from "../e2e/server.mjs";
import { call, send } from "../e2e/telemetry.mjs";

const folder = fileURLToPath(new URL("../../../docs/images/", import.meta.url));
const hour = 3_600_000;
let seed = 7;
const random = () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32);
const pick = (list) => list[Math.floor(list.length * random() ** 1.7)];

const server = await startServer(["extensions::tokenconsole::timezone: Asia/Shanghai"]);
const browser = await launch();
try {
  const post = (path, body) => server.api(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const keys = [];
  for (const [name, owner, description, limits] of [
    ["claude-code", "alice", "coding agents", { tokens: { month: 60_000_000 } }], ["support-bot", "bob", "answers customers", { usd: { day: 20 } }], ["研发评测", "李雷", "nightly evaluation", null], ["web-app", "韩梅梅", "", { requests_per_minute: 600 }],
  ]) keys.push((await post("/keys", { name, owner, description, ...(limits ? { limits } : {}) })).key);
  const kinds = [
    { model: "claude-sonnet-4-5", provider: "anthropic", service: "claude-code", key: 0, input: 38_000, cached: 0.85, output: 900 },
    { model: "gpt-4.1", provider: "openai", service: "support-bot", key: 1, input: 5200, cached: 0.5, output: 420 },
    { model: "gemini-2.5-pro", provider: "gcp.gemini", service: "evaluation", key: 2, input: 9000, cached: 0.2, output: 1500, reasoning: 700 },
    { model: "gpt-4o-mini", provider: "openai", service: "web-app", key: 3, input: 2400, cached: 0.3, output: 300 },
    { model: "deepseek-chat", provider: "deepseek", service: "web-app", key: 3, input: 3100, cached: 0.4, output: 500 },
    { model: "qwen3-local", provider: "vllm", service: "evaluation", key: 2, input: 4000, cached: 0, output: 600 },
  ];
  const users = ["alice", "bob", "李雷", "韩梅梅", "carol", "张伟"];
  const now = Date.now();
  let n = 0;
  for (let h = 24 * 15; h >= 0; h--) {
    const at = new Date(now - h * hour);
    const local = (at.getUTCHours() + 8) % 24;
    const weekday = new Date(at.getTime() + 8 * hour).getUTCDay();
    const busy = (local >= 9 && local <= 20 ? 1 : 0.12) * (weekday % 6 === 0 ? 0.3 : 1) * (1 + 0.4 * Math.sin(h / 40));
    for (let i = 0; i < 14 * busy + random(); i++) {
      const k = pick(kinds);
      const input = Math.round(k.input * (0.3 + 1.4 * random()));
      const failed = random() < 0.018;
      const start = now - h * hour - random() * hour;
      await send(server.otlp, "traces", call({
        trace: `image${n++}`, start, ms: Math.round(400 + 5200 * random() ** 3), service: k.service, "gen_ai.provider.name": k.provider, "gen_ai.response.model": k.model, "gen_ai.request.model": k.model,
        "enduser.id": pick(users), "gen_ai.request.api_key": keys[k.key], "http.request.method": "POST", "url.path": "/v1/chat/completions", "http.response.status_code": failed ? pick([429, 500, 503]) : 200,
        ...(failed ? { "error.type": "rate_limit_exceeded" } : {
          "gen_ai.usage.input_tokens": input, "gen_ai.usage.cache_read.input_tokens": Math.round(input * k.cached * (0.8 + 0.2 * random())), "gen_ai.usage.output_tokens": Math.round(k.output * (0.3 + 1.4 * random())),
          ...(k.reasoning ? { "gen_ai.usage.reasoning.output_tokens": Math.round(k.reasoning * 0.3) } : {}), "gen_ai.response.time_to_first_chunk": Math.round(1000 * (0.2 + 1.1 * random() ** 2)) / 1000,
        }),
      }));
    }
  }
  mkdirSync(folder, { recursive: true });
  const desk = { width: 1360, height: 860 };
  const phone = { width: 375, height: 780 };
  for (const [name, path, look, before] of [
    ["dashboard-en-light", "/", { ...desk }],
    ["dashboard-zh-dark", "/", { ...desk, locale: "zh-CN", theme: "dark" }],
    ["log-en-dark", "/logs", { ...desk, theme: "dark" }, async (page) => {
      await page.locator("tbody tr", { hasText: "claude-sonnet" }).first().click();
      await page.getByRole("dialog").locator("table[aria-label=Cost]").waitFor();
    }],
    ["explore-zh-light", "/explore?by=user&then=model&measure=cost_usd", { ...desk, locale: "zh-CN" }],
    ["keys-en-light", "/keys", { ...desk, height: 420 }],
    ["dashboard-phone-zh-light", "/", { ...phone, locale: "zh-CN" }],
    ["log-phone-en-dark", "/logs", { ...phone, theme: "dark" }],
  ]) {
    const p = await openPage(browser, server.url, look);
    await p.go(path);
    await before?.(p.page);
    await p.page.waitForTimeout(500);
    await p.page.screenshot({ path: `${folder}${name}.png` });
    p.check();
    await p.close();
  }
  console.log(`${n} calls, pictures in docs/images`);
} finally {
  await browser.close();
  await server.stop();
}
