// How fast the page is over many stored calls: fills the real binary by OTLP and measures in
// headless Chromium. Prints figures; asserts nothing, for they depend on the machine.
import { createHash } from "node:crypto";
import { launch, settled } from "../e2e/browser.mjs";
import { startServer } from "../e2e/server.mjs";
import { send } from "../e2e/telemetry.mjs";

const calls = Number(process.argv[2] ?? 1_000_000);
const batch = 2000;
const days = 30;
const runs = 5;

// the same calls in every run
let seed = 1;
const random = () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32);
const skewed = (n) => Math.floor(n * random() ** 3);
const text = (key, v) => `{"key":"${key}","value":{"stringValue":"${v}"}}`;
const int = (key, v) => `{"key":"${key}","value":{"intValue":"${v}"}}`;
const models = ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "o3", "o4-mini", "claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-1", "gemini-2.5-pro", "gemini-2.5-flash", "deepseek-chat"];
for (let i = models.length; i < 40; i++) models.push(`local-model-${i}`);

function request(from, n, first, step) {
  const spans = [];
  for (let i = 0; i < n; i++) {
    const id = createHash("md5").update(String(from + i)).digest("hex");
    const start = Math.floor(first + (from + i) * step);
    const input = 200 + skewed(20_000);
    const failed = random() < 0.02;
    spans.push(`{"traceId":"${id}","spanId":"${id.slice(0, 16)}","name":"chat","kind":3,"startTimeUnixNano":"${start}000000","endTimeUnixNano":"${start + 200 + skewed(20_000)}000000"${failed ? ',"status":{"code":2}' : ""},"attributes":[${[
      text("gen_ai.operation.name", "chat"), text("gen_ai.response.model", models[skewed(40)]), text("enduser.id", `user-${skewed(200)}`), text("gen_ai.request.api_key", `sk-measure-${skewed(50)}-0123456789abcdef`),
      int("http.response.status_code", failed ? 429 : 200), ...(failed ? [] : [int("gen_ai.usage.input_tokens", input), int("gen_ai.usage.cache_read.input_tokens", Math.floor(input * random())), int("gen_ai.usage.output_tokens", 20 + skewed(2000))]),
    ].join(",")}]}`);
  }
  return `{"resourceSpans":[{"resource":{"attributes":[${text("service.name", `service-${skewed(10)}`)}]},"scopeSpans":[{"scope":{"name":"measure"},"spans":[${spans.join(",")}]}]}]}`;
}

const median = (v) => v.sort((a, b) => a - b)[Math.floor(v.length / 2)];
const server = await startServer();
const browser = await launch();
try {
  const began = Date.now();
  const first = began - days * 86_400_000;
  const step = (days * 86_400_000 - 60_000) / calls;
  for (let i = 0; i < calls; i += batch) await send(server.otlp, "traces", request(i, Math.min(batch, calls - i), first, step));
  const stats = await server.api("/stats");
  console.log(`${stats.api_call_count} calls of ${stats.models.length} models stored in ${Math.round((Date.now() - began) / 1000)} s`);

  for (const [what, path] of [["dashboard, last 7 days", "/"], ["dashboard, last 30 days", "/?range=30d"], ["dashboard, last 30 days, one model", "/?range=30d&model=gpt-4o"], ["log", "/logs?range=30d"], ["explore, model by user", "/explore?range=30d&then=user"]]) {
    const times = { cold: [], warm: [] };
    for (let i = 0; i < runs; i++) {
      const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
      const page = await context.newPage();
      for (const kind of ["cold", "warm"]) {
        await page.goto(`${server.url}/console${path}`, { waitUntil: "commit" });
        await settled(page);
        times[kind].push(await page.evaluate(() => performance.now()));
      }
      await context.close();
    }
    console.log(`${what}: all figures shown ${Math.round(median(times.cold))} ms after opening with an empty cache, ${Math.round(median(times.warm))} ms with a filled one (median of ${runs}, worst ${Math.round(Math.max(...times.cold))} ms)`);
  }

  const page = await (await browser.newContext({ viewport: { width: 1360, height: 900 } })).newPage();
  await page.goto(`${server.url}/console/logs?range=30d`);
  await settled(page);
  const scrolled = await page.evaluate(() => new Promise((done) => {
    const scroller = document.querySelector(".scroller");
    const gaps = [];
    let last = performance.now();
    const end = last + 10_000;
    const frame = (t) => {
      gaps.push(t - last);
      last = t;
      scroller.scrollTop += 90; // more than two rows a frame
      if (t < end) requestAnimationFrame(frame);
      else done({ gaps, rows: Math.round(scroller.scrollTop / 36), inPage: document.querySelectorAll("tr[data-index]").length });
    };
    requestAnimationFrame(frame);
  }));
  const gaps = scrolled.gaps.slice(1).sort((a, b) => a - b);
  const at = (q) => Math.round(gaps[Math.floor(gaps.length * q)]);
  console.log(`log scrolled through ${scrolled.rows} rows in 10 s: ${gaps.length} frames, time between two p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, longest ${Math.round(gaps.at(-1))} ms; ${scrolled.inPage} rows in the page`);
} finally {
  await browser.close();
  await server.stop();
}
