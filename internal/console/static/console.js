"use strict";
// The first plain page: the figures of /stats, live. Texts from telemetry only ever become text
// nodes.
const zh = navigator.language.toLowerCase().startsWith("zh");
const say = (en, cn) => (zh ? cn : en);
document.documentElement.lang = zh ? "zh-CN" : "en";
for (const e of document.querySelectorAll("[data-en]")) e.textContent = say(e.dataset.en, e.dataset.zh);

const whole = new Intl.NumberFormat(document.documentElement.lang);
const money = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency: "USD", maximumFractionDigits: 6 });
const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent", maximumFractionDigits: 1 });
const none = "–";
// A cost that is not known is not zero: "–" where no call has a price, "$1.20 +" where some have none.
function cost(s) {
  if (s.unpriced_count === 0) return money.format(s.cost_usd);
  return s.cost_usd === 0 ? none : money.format(s.cost_usd) + " +";
}

const cards = [
  [say("Tokens", "Token 总量"), (s) => whole.format(s.used_tokens)],
  [say("Input", "输入"), (s) => whole.format(s.input_tokens)],
  [say("Output", "输出"), (s) => whole.format(s.output_tokens)],
  [say("Cache read", "缓存读取"), (s) => whole.format(s.cache_read_tokens)],
  [say("Cache write", "缓存写入"), (s) => whole.format(s.cache_write_tokens)],
  [say("Reasoning", "推理"), (s) => whole.format(s.reasoning_tokens)],
  [say("Calls", "调用次数"), (s) => whole.format(s.api_call_count)],
  [say("Cost", "费用"), cost],
  [say("Error rate", "错误率"), (s) => percent.format(s.error_rate)],
  [say("Latency p95", "延迟 p95"), (s) => (s.latency_ms.p95 === null ? none : whole.format(Math.round(s.latency_ms.p95)) + " ms")],
  [say("No usage told", "无用量"), (s) => whole.format(s.no_usage_count)],
  [say("Without a price", "无价格"), (s) => whole.format(s.unpriced_count)],
];
const columns = [
  [say("Model", "模型"), (m) => m.model || none, false],
  [say("Provider", "提供方"), (m) => m.provider || none, false],
  [say("Calls", "调用"), (m) => whole.format(m.api_call_count), true],
  [say("Input", "输入"), (m) => whole.format(m.input_tokens), true],
  [say("Output", "输出"), (m) => whole.format(m.output_tokens), true],
  [say("Total", "合计"), (m) => whole.format(m.total_tokens), true],
  [say("Cost", "费用"), cost, true],
];

function element(name, text, cls) {
  const e = document.createElement(name);
  e.textContent = text;
  if (cls) e.className = cls;
  return e;
}

function show(s) {
  document.getElementById("cards").replaceChildren(...cards.map(([label, value]) => {
    const box = document.createElement("div");
    box.append(element("dt", label), element("dd", value(s)));
    return box;
  }));
  const table = document.getElementById("models");
  const head = document.createElement("tr");
  for (const [label, , number] of columns) {
    const th = element("th", label, number ? "n" : "");
    th.scope = "col";
    head.append(th);
  }
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...s.models.map((m) => {
    const row = document.createElement("tr");
    for (const [, value, number] of columns) row.append(element("td", value(m), number ? "n" : ""));
    return row;
  }));
  const empty = document.getElementById("empty");
  empty.hidden = s.api_call_count > 0;
  empty.textContent = say("No call yet. Send OpenTelemetry traces or logs to http://localhost:4318.", "还没有调用。请将 OpenTelemetry 的 traces 或 logs 发送到 http://localhost:4318。");
}

const state = document.getElementById("state");
async function refresh() {
  try {
    const answer = await fetch("/api/console/stats", { cache: "no-store" });
    if (answer.status === 401) return location.replace("/console/login");
    const body = await answer.json();
    if (body.code !== 0) throw new Error(body.message);
    show(body.data);
    const at = body.data.as_of ? new Date(body.data.as_of).toLocaleString() : none;
    state.textContent = say("Last write: ", "最近写入：") + at;
    state.className = "";
  } catch (err) {
    state.textContent = say("The figures below may be old: ", "以下数字可能已过时：") + err.message;
    state.className = "bad";
  }
  setTimeout(refresh, document.hidden ? 15000 : 2000);
}
refresh();
