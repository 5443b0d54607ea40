// Figures of a server with many groups, calls without a price and failures, in headless Chromium: what is shown and
// exported is of everything that matches, however much of it a page holds.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { launch, openPage, settled } from "./browser.mjs";
import { clipped } from "./clipped.mjs";
import { startServer } from "./server.mjs";
import { call, send } from "./telemetry.mjs";
import { makeKeys, sendWide } from "./wide.mjs";

let server;
let browser;
const now = Date.now();

before(async () => {
  server = await startServer();
  browser = await launch();
  await sendWide(server.otlp, { keys: await makeKeys(server), now });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function opened(path, options, run, at = server) {
  const p = await openPage(browser, at.url, options);
  try {
    await p.go(path);
    await run(p, p.page);
    p.check();
  } finally {
    await p.close();
  }
}

const asked = (requests, route) => new URL(requests.find((r) => r.includes(`/api/console${route}?`)).slice(4)).search;
const figures = (locator) => locator.evaluateAll((ns) => ns.map((n) => Number(n.dataset.value)));

/** Saves what a click hands over. */
async function saved(page, click) {
  const [file] = await Promise.all([page.waitForEvent("download"), click()]);
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

/** The lines of a CSV file without line breaks in its cells. */
function linesOf({ text }) {
  assert.equal(text.codePointAt(0), 0xfeff, "it begins with a byte order mark");
  return text.slice(1).trimEnd().split(/\r?\n/).map((l) => [...l.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map((m) => m[1].replaceAll(/^"|"$/g, "").replaceAll('""', '"')));
}

async function eventually(what, f) {
  for (let i = 0; ; i++) {
    if (await f()) return;
    if (i > 600) assert.fail(`never: ${what}`);
    await new Promise((r) => setTimeout(r, 100));
  }
}

describe("explore, of more rows than a page holds", () => {
  for (const measure of ["total_tokens", "cost_usd"])
    test(`ranks and the rest by ${measure} are of all rows`, () => opened(`/explore?by=model&then=user&measure=${measure}`, {}, async (p, page) => {
      const shared = new URLSearchParams(asked(p.requests, "/breakdown"));
      const single = new URLSearchParams({ by: "model", sort: measure, limit: "1000", from: shared.get("from") });
      const b = await server.api(`/breakdown?${single}`);
      const pairs = await server.api(`/breakdown?${new URLSearchParams({ by: "model,user", limit: "1", from: shared.get("from") })}`);
      assert.ok(pairs.row_count > 2000 && b.row_count > 150, "there are more rows than are loaded");
      const shown = await figures(page.locator("ol.ranks li > .num"));
      const want = b.rows.slice(0, 12).map((r) => r[measure]);
      assert.deepEqual(shown.slice(0, 12), want);
      const rest = shown[12] + want.reduce((x, y) => x + y, 0);
      assert.ok(Math.abs(rest - b.total[measure]) < 1e-6, `the rest makes the total: ${rest} of ${b.total[measure]}`);
      const first = await page.locator("ol.ranks li bdi").first().innerText();
      assert.equal(first, measure === "cost_usd" ? "o1-pro" : "gpt-4.1-nano");
    }));

  test("CSV and JSON hold every row, the total and what has no price, and are named by the range", () => opened("/explore?by=model&then=user&range=30d", {}, async (p, page) => {
    const q = new URLSearchParams(asked(p.requests, "/breakdown"));
    const b = await server.api(`/breakdown?${q}`);
    assert.ok(b.row_count > 2000);
    const csv = await saved(page, () => page.getByRole("link", { name: "This table as CSV" }).click());
    assert.match(csv.name, /^tokenboard-breakdown-model-user-20\d\d-\d\d-\d\d_20\d\d-\d\d-\d\d\.csv$/);
    const lines = linesOf(csv);
    assert.equal(lines.length, b.row_count + 2);
    const at = Object.fromEntries(lines[0].map((name, i) => [name, i]));
    const sum = (name) => lines.slice(1, -1).reduce((n, l) => n + Number(l[at[name]]), 0);
    const last = lines.at(-1);
    assert.equal(last[0], "total");
    for (const name of ["api_call_count", "total_tokens", "unpriced_count"]) {
      assert.equal(Number(last[at[name]]), b.total[name]);
      assert.equal(sum(name), b.total[name]);
    }
    assert.ok(b.total.unpriced_count > 1000);
    const json = await saved(page, () => page.getByRole("link", { name: "JSON" }).click());
    assert.match(json.name, /\.json$/);
    const file = JSON.parse(json.text);
    assert.deepEqual([file.row_count, file.rows.length, file.total], [b.row_count, b.row_count, b.total]);
  }));

  test("a click on a column sorts all rows", () => opened("/explore?by=model&then=user", {}, async (p, page) => {
    const top = async (sort, order) => (await server.api(`/breakdown?${new URLSearchParams({ by: "model,user", sort, order, limit: "1", from: new URLSearchParams(asked(p.requests, "/breakdown")).get("from") })}`)).rows[0];
    const cell = (n) => page.locator("tbody tr[data-index='0'] .num").nth(n).getAttribute("data-value");
    await page.getByRole("button", { name: "Output", exact: true }).click();
    const most = await top("output_tokens", "desc");
    await eventually("the largest of all stands first", async () => Number(await cell(2)) === most.output_tokens);
    await page.getByRole("button", { name: "User", exact: true }).click();
    const first = await top("second", "asc");
    await eventually("the first name of all stands first", async () => (await page.locator("tbody tr[data-index='0'] bdi").nth(1).innerText()) === first.user);
  }));
});

describe("costs of which a part is not known", () => {
  test("say so on the card, in the rows, in the legend and in the file", () => opened("/?range=30d&measure=cost_usd", {}, async (p, page) => {
    const s = await server.api(`/stats${asked(p.requests, "/stats")}`);
    assert.ok(s.unpriced_count > 1000 && s.cost_usd > 0);
    assert.match(await page.locator("[data-card=cost] .figure").innerText(), /^≥ \$/);
    assert.equal(await page.locator("[data-card=cost] .delta").count(), 0, "bounds are not compared");
    const row = page.getByRole("table", { name: "Models" }).locator("tfoot tr");
    assert.match(await row.innerText(), /≥ \$/);
    const legend = await page.getByRole("list", { name: "Sums of the range" }).locator("li").allInnerTexts();
    assert.ok(legend.some((l) => /Other[\s\S]*(≥ \$|–)/.test(l)), legend.join(" | "));
    const csv = await saved(page, () => page.getByRole("link", { name: "This table as CSV" }).click());
    assert.match(csv.name, /^tokenboard-breakdown-model-provider-20\d\d-\d\d-\d\d_20\d\d-\d\d-\d\d\.csv$/);
    const lines = linesOf(csv);
    assert.equal(lines.length, s.model_count + 2, "all models, though few are shown, and the total");
    assert.equal(Number(lines.at(-1)[lines[0].indexOf("unpriced_count")]), s.unpriced_count);
    assert.equal(Number(lines.at(-1)[lines[0].indexOf("total_tokens")]), s.used_tokens);
    assert.deepEqual(await clipped(page), []);
    await p.shot("cost-unpriced-en-light", { fullPage: true });
  }));

  test("the series of the cost chart are those that cost most", () => opened("/?range=30d&measure=cost_usd", {}, async (p, page) => {
    const b = await server.api(`/breakdown?${new URLSearchParams({ by: "model", sort: "cost_usd", limit: "2", from: new URLSearchParams(asked(p.requests, "/stats")).get("from") })}`);
    const names = await page.getByRole("list", { name: "Sums of the range" }).locator("bdi").allInnerTexts();
    assert.deepEqual(names.slice(0, 2), b.rows.map((r) => r.model));
    assert.equal(names[0], "o1-pro");
    await p.go("/?range=30d");
    await eventually("the series are those with most tokens", async () => (await page.getByRole("list", { name: "Sums of the range" }).locator("bdi").first().innerText()) === "gpt-4.1-nano");
  }));

  test("a bar says so when one points at it", () => opened("/?range=30d&measure=cost_usd&by=provider", {}, async (p, page) => {
    const series = (await server.api(`/usage-trend${asked(p.requests, "/usage-trend")}`)).series;
    assert.ok(series.some((x) => x.points.some((y) => y.unpriced_count > 0)));
    const said = await page.getByRole("list", { name: "Sums of the range" }).locator("li").allInnerTexts();
    assert.deepEqual(said.map((x) => x.includes("≥")), series.map((x) => x.points.some((y) => y.unpriced_count > 0)));
  }));
});

describe("failed calls", () => {
  test("can be worked on: the reason in a column, sorted by duration and cost over all, and said first in the drawer", () => opened("/logs?range=30d&status=error", {}, async (p, page) => {
    const items = (await server.api("/logs?status=error&limit=1000&sort=duration_ms")).items;
    assert.ok(items.length > 300);
    await page.locator("tbody tr[data-index='0']").waitFor();
    assert.match(await page.locator("tbody tr[data-index='0']").innerText(), /stream_disconnected|rate_limit_exceeded/);
    assert.equal(await page.locator("tbody tr[data-index] .dot.ok").count(), 0, "nothing that failed has the colour of success");
    assert.ok(!(await page.locator("tbody tr[data-index]").allInnerTexts()).some((x) => /\t200\b/.test(x)), "nor reads as 200");
    await page.getByRole("button", { name: "Duration" }).click();
    await page.waitForURL(/sort=duration_ms/);
    const longest = () => page.locator("tbody tr[data-index='0'] .num[data-value]").last().getAttribute("data-value");
    await eventually("the longest of all stands first", async () => Number(await longest()) === items[0].duration_ms);
    await page.getByRole("button", { name: "Duration" }).click();
    await page.waitForURL(/order=asc/);
    await eventually("the shortest of all stands first", async () => Number(await longest()) === items.at(-1).duration_ms);
    await p.shot("errors-sorted-en-light");
    const late = items.find((i) => i.status === 200);
    await page.goto(page.url().replace(/#.*/, "") + "&call=" + late.id);
    await page.getByRole("dialog").getByText("Why it failed").waitFor();
    await page.getByRole("dialog").getByText("there is nothing to price").waitFor();
    const text = await page.getByRole("dialog").innerText();
    assert.ok(text.indexOf(late.error_type) > 0 && text.indexOf(late.error_type) < text.indexOf("nothing to price"), text);
    assert.doesNotMatch(text, /No price is known/);
    await p.axe();
    await p.shot("call-failed-en-light");
  }));

  test("pages of a sorted list fit together", () => opened("/logs?range=30d&sort=cost_usd", {}, async (p, page) => {
    const scroller = page.locator(".scroller");
    await eventually("more pages are read", async () => (await scroller.evaluate((e) => e.scrollTo({ top: e.scrollHeight })), Number(await page.locator("table[aria-rowcount]").getAttribute("aria-rowcount")) > 600));
    const read = p.requests.filter((r) => r.includes("/api/console/logs?")).map((r) => new URL(r.slice(4)).search);
    const seen = [];
    for (const q of read) seen.push(...(await server.api(`/logs${q}`)).items);
    assert.equal(new Set(seen.map((i) => i.id)).size, seen.length, "no call comes twice");
    const costs = seen.map((i) => i.cost_usd ?? -1);
    assert.deepEqual(costs, costs.toSorted((a, b) => b - a));
  }));

  test("what arrives while the list is sorted is announced, and does not push in", () => opened("/logs?sort=cost_usd", {}, async (p, page) => {
    await page.locator("[data-state=live]").waitFor();
    const first = await page.locator("tbody tr[data-index='0']").innerText();
    await send(server.otlp, "traces", call({ trace: `sorted${Date.now()}`, start: Date.now() - 2000, "gen_ai.provider.name": "openai", "gen_ai.response.model": "o1-pro", "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 900_000 }));
    await page.getByRole("button", { name: "1 new call" }).waitFor();
    assert.equal(await page.locator("tbody tr[data-index='0']").innerText(), first);
    await page.getByRole("button", { name: "1 new call" }).click();
    await eventually("it stands where it belongs", async () => (await page.locator("tbody tr[data-index='0']").innerText()) !== first);
  }));

  test("their file is of everything that matches, and named by the range", () => opened("/logs?range=30d&status=error", {}, async (p, page) => {
    const csv = await saved(page, () => page.getByRole("link", { name: "These calls as CSV" }).click());
    assert.match(csv.name, /^tokenboard-calls-20\d\d-\d\d-\d\d_20\d\d-\d\d-\d\d\.csv$/);
    const s = await server.api("/stats?status=error");
    assert.equal(linesOf(csv).length, s.api_call_count + 1);
  }));
});

describe("keys and their limits", () => {
  for (const look of [{ locale: "en-US", width: 1440 }, { locale: "zh-CN", width: 1440 }, { locale: "en-US", width: 375, height: 780 }, { locale: "zh-CN", width: 375, height: 780 }])
    test(`say what is used, what is left and in which time, ${look.locale} ${look.width}`, () => opened("/keys", look, async (p, page) => {
      const keys = await server.api("/keys");
      const stopped = keys.filter((k) => Object.values(k.left?.tokens ?? {}).concat(Object.values(k.left?.usd ?? {})).some((a) => a && a.left <= 0));
      assert.ok(stopped.length > 20);
      const row = page.locator("[data-index]", { hasText: stopped[0].name });
      const text = await row.innerText();
      assert.match(text, look.locale === "en-US" ? /limit reached[\s\S]* of [\s\S]*(a month|in all|a day), .* left/ : /已达限额[\s\S]*(每月|总计|每日) .* \/ .*，剩余/);
      assert.equal(await row.locator(".badge.ok").count(), 0, "a key that is stopped is not green");
      assert.equal(await row.locator("progress").count(), 1);
      assert.deepEqual(await clipped(page), []);
      await p.shot(`keys-limits-${look.locale}-${look.width}`);
    }));
});

describe("small things that count", () => {
  test("sentences have separators", () => opened("/?range=30d", {}, async (_, page) => {
    assert.match(await page.locator("[role=note]").first().innerText(), /\b\d,\d{3} calls have no price/);
    assert.match(await page.locator("[data-card=cost]").innerText(), /\b\d,\d{3} unpriced calls/);
  }));

  test("nothing is compared with a period of which less than half is kept", () => opened("/?range=7d", {}, async (p, page) => {
    const s = await server.api(`/stats${asked(p.requests, "/stats")}`);
    assert.ok(Date.parse(s.oldest) > Date.now() - 7 * 86_400_000);
    assert.equal(await page.locator("[data-card] .delta").count(), 0);
    await page.goto(page.url().replace("range=7d", "range=24h"));
    await settled(page);
    assert.ok((await page.locator("[data-card=tokens] .delta").count()) > 0, "with the day before it is");
    assert.match(await page.locator("[data-card=errors] .delta").innerText(), /pp|=/, "a share changes by points");
  }));

  test("the digits of a column stand below each other", async () => {
    for (const [path, locale] of [["/", "en-US"], ["/", "zh-CN"], ["/explore?by=model", "en-US"], ["/keys", "en-US"], ["/logs?sort=cost_usd", "zh-CN"]])
      await opened(path, { locale, width: 1440 }, async (_, page) => {
        const ragged = await page.locator("table").first().evaluate((table) => {
          const head = [...table.querySelectorAll("thead th")];
          return head.flatMap((th, i) => {
            if (!th.classList.contains("right")) return [];
            const texts = [...table.querySelectorAll("tbody tr[data-index]")].map((tr) => tr.cells[i]?.innerText.trim()).filter((x) => x && /\d/.test(x) && !x.startsWith("<"));
            // figures below ten thousand have no places among thousands and millions
            const places = new Set(texts.filter((x) => /[KMBT万亿$%s.]/.test(x)).map((x) => /\.(\d+)/.exec(x)?.[1].length ?? 0));
            return places.size > 1 ? [`${th.innerText}: ${texts.join(" ")}`] : [];
          });
        });
        assert.deepEqual(ragged, [], path);
      });
  });

  test("answers are compressed", async () => {
    for (const path of ["/usage-trend?days=30&group_by=model&interval=hour", "/logs?limit=200", "/stats", "/keys"]) {
      const plain = await (await fetch(`${server.url}/api/console${path}`, { headers: { "Accept-Encoding": "identity" } })).arrayBuffer();
      for (const coding of ["gzip", "br"]) {
        const res = await fetch(`${server.url}/api/console${path}`, { headers: { "Accept-Encoding": coding } });
        assert.equal(res.headers.get("content-encoding"), coding);
        assert.equal((await res.arrayBuffer()).byteLength, plain.byteLength);
      }
    }
  });
});

test("costs are recalculated, over the calls that one chooses", async () => {
  const own = await startServer();
  const at = Date.now();
  try {
    for (let i = 0; i < 3; i++) await send(own.otlp, "traces", call({ trace: `reprice${i}`, start: at - [1, 20, 60][i] * 86_400_000, "gen_ai.provider.name": "openai", "gen_ai.response.model": "a-model-of-the-house", "gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 0 }));
    const dir = own.dir;
    await own.halt();
    const priced = await startServer(["extensions::tokenstore::pricing::overrides: [{model: a-model-of-the-house, input: 2, output: 3}]"], {}, dir);
    try {
      assert.equal((await priced.api("/stats")).unpriced_count, 3);
      await opened("/prices", {}, async (p, page) => {
        await page.getByRole("button", { name: "Recalculate costs…" }).click();
        const dialog = page.getByRole("dialog");
        await dialog.getByText("Calls with a new cost").waitFor();
        assert.match(await dialog.locator("dl").innerText(), /Calls with a new cost\s*3 \/ 3[\s\S]*Now priced\s*3[\s\S]*\$6\.00/);
        await dialog.getByLabel("Calls").selectOption("30d");
        await eventually("the report is of the last 30 days", async () => /Calls with a new cost\s*2 \/ 2/.test(await dialog.innerText()));
        await p.axe();
        await dialog.getByRole("button", { name: "Apply" }).click();
        await dialog.getByText("Applied").waitFor();
        assert.equal((await priced.api("/stats")).unpriced_count, 1);
        assert.equal((await priced.api("/stats")).cost_usd, 4);
        await p.shot("repriced-en-light");
      }, priced);
    } finally {
      await priced.stop();
    }
  } catch (e) {
    await own.stop();
    throw e;
  }
});
