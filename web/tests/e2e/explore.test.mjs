// Tasks on Explore, counted in clicks, on a server with over 500 groups and models without a price: what is shown equals what the API says.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage, settled } from "./browser.mjs";
import { clipped } from "./clipped.mjs";
import { startServer } from "./server.mjs";
import { call, send } from "./telemetry.mjs";
import { sendWide } from "./wide.mjs";

let server;
let browser;
const now = Date.now();
const day = 86_400_000;
/** an hour, or less in the first hours of a day of the pages, Asia/Shanghai: of a week that has just begun too */
const ago = Math.min(3_600_000, ((now + 8 * 3_600_000) % day) / 2);

before(async () => {
  server = await startServer();
  browser = await launch();
  const key = await server.api("/keys", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name: "failing" }) });
  for (let i = 0; i < 24; i++)
    await send(server.otlp, "traces", call({
      trace: `fails-${i}`, start: Date.now() - 60_000 * (2 + 2 * i), "gen_ai.provider.name": "openai", "gen_ai.response.model": "gpt-4o", "gen_ai.request.api_key": key.key, "tokenboard.account": `team-${i % 3}@example.org`,
      ...(i % 3 ? { "http.response.status_code": 429, "error.type": "rate_limit_exceeded", "error.message": "Error code: 429 - {'error': {'message': 'Rate limit reached for requests', 'code': None}}" } : { "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1 }),
    }));
  await sendWide(server.otlp, { keys: [], now });
  for (let i = 0; i < 60; i++)
    await send(server.otlp, "traces", call({ trace: `explore-${i}`, start: now - (i % 15) * day - ago, "gen_ai.provider.name": "openai", "gen_ai.response.model": i % 3 ? "gpt-4o" : "in-house-model", "session.id": `run-${i % 4}`, "gen_ai.usage.input_tokens": 1000 + i * 37, "gen_ai.usage.output_tokens": 100 + i }));
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Opens a page and counts the clicks on it. */
async function task(path, most, run, options = {}) {
  const p = await openPage(browser, server.url, options);
  let clicks = 0;
  try {
    await p.go(path);
    const click = async (locator) => {
      clicks++;
      await locator.click();
      await settled(p.page);
    };
    await run(p, p.page, click);
    assert.ok(clicks <= most, `${clicks} clicks, at most ${most}`);
    p.check();
  } finally {
    await p.close();
  }
}

const asked = (requests) => new URLSearchParams(new URL(requests.findLast((r) => r.includes("/api/console/breakdown?")).slice(4)).search);
const figures = (locator) => locator.evaluateAll((ns) => ns.map((n) => (n.dataset.value === "" ? null : Number(n.dataset.value))));

describe("explore", () => {
  test("this week against last by model, in at most three clicks", () => task("/", 3, async (p, page, click) => {
    await click(page.getByRole("link", { name: "Explore" }));
    await click(page.getByRole("button", { name: "This week against last" }));
    const q = asked(p.requests);
    assert.equal(q.get("by"), "model");
    const [from, to, against, end] = ["from", "to", "against", "against_to"].map((k) => Date.parse(q.get(k)));
    assert.equal(from - against, 7 * day, "from Monday to Monday");
    assert.ok(Math.abs(to - end - 7 * day) < 1000, "as far as this week has come");
    const b = await server.api(`/breakdown?${q}`);
    assert.ok(b.compared.before.total_tokens > 0);
    const rows = page.locator("table[aria-label='All groups'] tbody tr, [aria-label='All groups'] tbody tr").filter({ has: page.locator(".num") });
    const first = await figures(rows.first().locator("td .num[data-value]"));
    const top = b.rows[0];
    assert.deepEqual(first.slice(0, 4), [top.total_tokens, top.compared.before.total_tokens, top.compared.difference.total_tokens, top.compared.change_share]);
    for (const r of b.rows) {
      assert.equal(r.total_tokens - r.compared.before.total_tokens, r.compared.difference.total_tokens);
    }
    const sizes = b.rows.map((r) => Math.abs(r.compared.difference.total_tokens));
    assert.deepEqual(sizes, [...sizes].sort((x, y) => y - x), "sorted by the size of the change");
    assert.equal(b.rows.reduce((n, r) => n + r.total_tokens, 0), b.total.total_tokens);
  }));

  test("teams: by team, and filtered by one", async () => {
    const team = await server.api("/teams", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name: "Search", users: [(await server.api("/dimensions/user")).values.find((v) => v.value).value] }) });
    await task("/explore?by=team&measure=api_call_count&range=30d", 0, async (p, page) => {
      const b = await server.api(`/breakdown?${asked(p.requests)}`);
      const calls = b.rows.find((r) => r.team === team.id).api_call_count;
      const row = page.locator("[aria-label='All groups'] tbody tr").filter({ hasText: "Search" });
      assert.ok((await figures(row.locator("td .num[data-value]"))).includes(calls), "the team's calls, by its name");
      await page.getByTestId("teams-overlap").waitFor();
      await page.locator("select[name=then] option[value=user]").waitFor({ state: "attached" });
      assert.equal(await page.locator("select[name=then] option[value=session]").count(), 0, "the API has no sessions by team");
      await row.getByRole("link", { name: "Search" }).click();
      await page.waitForURL((u) => u.pathname.endsWith("/logs") && u.searchParams.get("team") === team.id);
      await settled(page);
      assert.ok(p.requests.some((r) => r.includes("/api/console/logs?") && r.includes(`team=${team.id}`)), "the log is asked for the team");
    });
    await server.api(`/teams/${team.id}`, { method: "DELETE" });
  });

  test("the address says it all, and goes over to the other views", () => task("/explore?by=user&then=model&measure=cost_usd&compare=year&range=lastweek&top=5", 99, async (p, page) => {
    assert.equal(await page.locator("select[name=compare]").inputValue(), "year");
    const b = await server.api(`/breakdown?${asked(p.requests)}`);
    assert.ok(b.row_count > 500, "more groups than a page has");
    assert.deepEqual((await figures(page.locator("ol.ranks li > .num"))).slice(0, 5), b.ranking.values.map((v) => (v.cost_usd === 0 && v.unpriced_count > 0 ? null : v.cost_usd)));
    for (const view of ["time", "lines", "grid", "heat"]) {
      await p.go(`/explore?by=account&view=${view}&measure=api_call_count&interval=week&range=30d`);
      await p.axe();
    }
    await p.go("/explore?view=lines&measure=latency_p95_ms&range=30d");
    await page.getByText("Times are of all calls").waitFor();
  }));

  test("bars are reached by keyboard, and said", () => task("/explore?view=time&range=30d", 99, async (p, page) => {
    const chart = page.locator("[aria-roledescription=chart]");
    await chart.focus();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowLeft");
    await page.waitForFunction(() => /gpt|model/.test(document.querySelector("[aria-roledescription=chart] [aria-live]").textContent));
    assert.match(await chart.locator("p.sr").first().innerText(), /Sum: /);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/logs\?.*from=/);
  }));

  test("a range to the minute", () => task("/explore", 3, async (p, page, click) => {
    await click(page.getByRole("button", { name: /^Time range/ }));
    await page.locator("input[name=from]").fill("2026-01-02T03:04");
    await page.locator("input[name=to]").fill("2026-01-02T05:06");
    await click(page.getByRole("button", { name: "Apply" }));
    assert.equal(new URL(page.url()).searchParams.get("from").slice(0, 16), "2026-01-02T03:04");
    assert.equal(new URL(page.url()).searchParams.get("to").slice(0, 16), "2026-01-02T05:06");
  }));
});

describe("errors", () => {
  test("which account fails, in at most three clicks", () => task("/", 3, async (p, page, click) => {
    await click(page.getByRole("link", { name: "Errors" }));
    const table = page.getByRole("table", { name: "Failed calls by Account" });
    await table.waitFor();
    const from = new URLSearchParams(new URL(p.requests.findLast((r) => r.includes("by=account")).slice(4)).search).get("from");
    const b = await server.api(`/breakdown?${new URLSearchParams({ by: "account", sort: "error_count", from })}`);
    const failing = b.rows.filter((r) => r.error_count > 0);
    assert.deepEqual(await figures(table.locator("tbody .num")), failing.flatMap((r) => [r.error_count, r.error_rate]));
    const named = failing.find((r) => r.account !== "");
    await click(table.getByRole("link").first());
    assert.equal(new URL(page.url()).searchParams.get("account"), named.account);
    assert.equal(new URL(page.url()).searchParams.get("status"), "error");
  }));

  test("failing calls of a key in the last hour with their message, in at most four clicks", () => task("/", 4, async (p, page, click) => {
    await click(page.getByRole("link", { name: "Errors" }));
    await click(page.getByRole("button", { name: /^Time range/ }));
    await click(page.getByRole("button", { name: "Last hour" }));
    await click(page.getByRole("table", { name: "Failed calls by Key" }).getByRole("link", { name: "failing" }));
    const q = new URL(page.url()).searchParams;
    assert.equal(q.get("range"), "1h");
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const want = (await server.api(`/logs?${new URLSearchParams({ key: "failing", status: "error", from: since })}`)).items;
    assert.ok(want.length >= 10);
    await page.getByText("rate_limit_exceeded").first().waitFor();
    assert.ok(want.every((i) => i.error_message === "Rate limit reached for requests"), "of the provider's answer, the sentence");
    await page.getByText("Rate limit reached for requests").first().waitFor();
  }));

  test("one run: its calls in order, and its cost", () => task("/explore?by=session&range=30d&measure=cost_usd", 1, async (p, page, click) => {
    await click(page.locator("ol.ranks").getByRole("link", { name: "run-1" }));
    const from = new URLSearchParams(new URL(p.requests.findLast((r) => r.includes("/stats?")).slice(4)).search).get("from");
    const s = await server.api(`/stats?${new URLSearchParams({ session: "run-1", from })}`);
    assert.equal(s.api_call_count, 15);
    const shown = await figures(page.locator("dl.sums .num"));
    assert.deepEqual(shown, [s.cost_usd, s.api_call_count, s.error_count, s.input_tokens, s.output_tokens]);
  }));

  test("the dashboard has latency, errors, users and keys", () => task("/?range=30d", 2, async (p, page, click) => {
    const users = page.getByRole("list", { name: "Top users" });
    await users.waitFor();
    const from = new URLSearchParams(new URL(p.requests.findLast((r) => r.includes("/stats?")).slice(4)).search).get("from");
    const b = await server.api(`/breakdown?${new URLSearchParams({ by: "user", from, limit: "8" })}`);
    assert.deepEqual(await figures(users.locator("li > .num")), b.rows.map((r) => r.total_tokens));
    await click(page.getByRole("radiogroup", { name: "Latency and errors over time" }).getByText("Error rate"));
    assert.equal(await page.locator("[aria-roledescription=chart]").count(), 2);
    await p.axe();
  }));
});

describe("saved views", () => {
  test("a view is saved with all that it shows, and is two clicks away", () => task("/explore?by=user&then=model&measure=cost_usd&compare=before&range=week", 99, async (p, page, click) => {
    await click(page.getByRole("button", { name: "Saved views" }));
    await click(page.getByRole("menuitem", { name: "Save this view" }));
    await page.locator("input[name=view]").fill("Cost of users");
    await page.locator("input[name=shared]").check();
    await p.axe();
    await click(page.getByRole("button", { name: "Save this view" }));
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const [view] = await server.api("/views");
    assert.deepEqual([view.name, view.page, view.shared, view.query], ["Cost of users", "explore", true, "by=user&compare=before&measure=cost_usd&range=week&then=model"]);
    await p.go("/");
    await click(page.getByRole("button", { name: "Saved views" }));
    await click(page.getByRole("menuitem", { name: "Cost of users" }));
    await page.waitForURL(/\/explore\?.*compare=before/);
    await settled(page);
    assert.equal(await page.locator("select[name=measure]").inputValue(), "cost_usd");
  }));
});

describe("no figure is cut, from 375 to 1920 pixels", () => {
  for (const locale of ["en-US", "zh-CN"])
    for (const path of ["/explore?range=week&compare=before&by=user", "/explore?measure=cost_usd&compare=year&range=30d&then=user", "/explore?view=heat&range=30d&by=user", "/explore?view=grid&range=7d", "/explore?measure=latency_p95_ms&by=account", "/errors?range=30d", "/sessions/run-1?range=30d", "/?range=30d&interval=week"])
      test(`${path} ${locale}`, () => task(path, 0, async (p, page) => {
        const found = [];
        for (const width of [1920, 1440, 1280, 1024, 375]) {
          await page.setViewportSize({ width, height: 900 });
          await settled(page);
          await page.waitForTimeout(80);
          for (const f of await clipped(page)) found.push(`${width}: ${f}`);
          if (process.env.TOKENBOARD_SHOTS === "1") await p.shot(`explore-${path.replaceAll(/\W+/g, "-").slice(-40)}-${locale.slice(0, 2)}-${width}`, { fullPage: true });
        }
        assert.deepEqual(found, []);
      }, { locale, width: 1920, theme: locale === "zh-CN" ? "dark" : "light" }));
});
