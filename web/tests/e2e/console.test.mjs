// The page in headless Chromium against the real binary, filled from the captures.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { launch, openPage, settled } from "./browser.mjs";
import { startServer } from "./server.mjs";
import { call, replay, send } from "./telemetry.mjs";

const day = 86_400_000;
const hour = 3_600_000;
const json = { "Content-Type": "application/json" };
let server;
let browser;
let unique = 0;

before(async () => {
  server = await startServer();
  browser = await launch();
  const now = Date.now();
  const ages = [1, 2, 3, 4, 5, 6, 8, 9, 11].flatMap((d) => [d * day + hour, d * day + 5 * hour]);
  for (const r of replay(now, [60_000, ...ages])) await send(server.otlp, r.signal, r.body);
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

const post = (path, body) => server.api(path, { method: "POST", headers: json, body: JSON.stringify(body) });

/** Sends one call, as one of its own. */
async function sendCall(attrs, at = server) {
  await send(at.otlp, "traces", call({ trace: `own${unique++}${Date.now()}`, start: Date.now() - 2000, "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10, ...attrs }));
}

/** A row of a table with its second line, where the columns stand that do not fit. */
const withFolded = (row) => row.locator("xpath=self::* | following-sibling::tr[1][contains(@class, 'below')]");

const value = async (locator) => Number(await locator.getAttribute("data-value"));

/** Asks until a condition holds. */
async function eventually(what, f) {
  for (let i = 0; ; i++) {
    if (await f()) return;
    if (i > 600) assert.fail(`never: ${what}`);
    await new Promise((r) => setTimeout(r, 100));
  }
}

const pages = ["/", "/logs", "/keys", "/explore", "/errors", "/bills", "/budgets", "/alerts", "/users", "/audit", "/prices", "/quality", "/settings"];
const name = (path) => path.replaceAll(/\W+/g, "-").replace(/^-|-$/g, "") || "dashboard";

describe("every page, in both languages and themes, on a desk and on a phone", () => {
  const looks = [
    { id: "en-light", locale: "en-US", theme: "light" }, { id: "zh-dark", locale: "zh-CN", theme: "dark" },
    { id: "phone-zh-light", locale: "zh-Hans-CN", theme: "light", width: 375, height: 780 }, { id: "phone-en-dark", locale: "en-GB", theme: "dark", width: 375, height: 780 },
  ];
  for (const look of looks)
    for (const path of pages)
      test(`${path} ${look.id}`, () => opened(path, look, async (p, page) => {
        assert.equal(await page.locator("html").getAttribute("lang"), look.id.includes("zh") ? "zh-CN" : "en");
        assert.equal(await page.locator("html").getAttribute("data-theme"), look.theme);
        await page.waitForFunction(() => /\d\d:\d\d:\d\d/.test(document.querySelector("[data-testid=as-of]").innerText));
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wider <= 0, `the page is ${wider} pixels too wide`);
        await p.axe();
        await p.shot(`${name(path)}-${look.id}`);
      }));
});

describe("numbers are the API's", () => {
  const parameters = (requests, route) => new URL(requests.find((r) => r.includes(`/api/console${route}?`)).slice(4)).search;

  for (const query of ["", "?range=30d", "?range=24h&tz=America/New_York", "?range=30d&model=gpt-4o-mini-2024-07-18&model=claude-sonnet-4-5-20250929", "?status=error&range=30d", "?service=emitter-claude-code"])
    test(`dashboard ${query}`, () => opened("/" + query, {}, async (p, page) => {
      const asked = new URLSearchParams(parameters(p.requests, "/stats"));
      for (const [k, v] of new URLSearchParams(query)) if (k !== "range" && k !== "tz") assert.ok(asked.getAll(k).includes(v), `${k}=${v} was asked for`);
      const s = await server.api(`/stats?${asked}`);
      const card = (id) => value(page.locator(`[data-card=${id}] .figure .num`));
      assert.equal(await card("tokens"), s.used_tokens);
      assert.equal(await card("calls"), s.api_call_count);
      assert.equal(await card("cost"), s.cost_usd);
      assert.equal(await card("errors"), s.error_rate);
      assert.equal(await card("cache"), s.input_tokens ? s.cache_read_tokens / s.input_tokens : 0);
      assert.equal(await card("latency"), s.latency_ms.p50);
      assert.equal(await card("noUsage"), s.no_usage_count);
      const more = page.locator(".panel .all");
      if (await more.count()) await more.click();
      const rows = page.getByRole("table", { name: "Models" }).locator("tbody tr");
      assert.equal(await rows.count(), s.models.length);
      const shown = await rows.evaluateAll((trs) => trs.map((tr) => [tr.querySelector("bdi").innerText, ...[...tr.querySelectorAll("td .num")].map((n) => n.dataset.value)].join(" ")));
      const cost = (m) => (m.cost_usd === 0 && m.unpriced_count > 0 ? "" : m.cost_usd);
      assert.deepEqual(shown.sort(), s.models.map((m) => [m.model || "(not reported)", m.api_call_count, m.error_count, m.input_tokens, m.cache_read_tokens, m.cache_write_tokens, m.output_tokens, m.reasoning_tokens, m.total_tokens, cost(m)].join(" ")).sort());
      const foot = await page.getByRole("table", { name: "Models" }).locator("tfoot .num").evaluateAll((ns) => ns.map((n) => n.dataset.value));
      assert.deepEqual(foot.slice(0, 3).map(Number), [s.api_call_count, s.error_count, s.input_tokens]);
      const trend = await server.api(`/usage-trend${parameters(p.requests, "/usage-trend")}`);
      const legend = await page.getByRole("list", { name: "Sums of the range" }).locator(".num").evaluateAll((ns) => ns.map((n) => Number(n.dataset.value)));
      assert.deepEqual(legend, trend.series.map((x) => x.points.reduce((n, y) => n + y.total_tokens, 0)));
      assert.equal(legend.reduce((a, b) => a + b, 0), s.used_tokens, "the trend sums to the card");
    }));

  test("explore, by two dimensions", () => opened("/explore?range=30d&by=service&then=model&measure=cost_usd", {}, async (p, page) => {
    const b = await server.api(`/breakdown${parameters(p.requests, "/breakdown")}`);
    assert.ok(b.rows.length > 10);
    const rows = await page.getByRole("table", { name: "All groups" }).locator("tbody tr").evaluateAll((trs) => trs.map((tr) => [...tr.querySelectorAll("bdi")].map((x) => x.innerText).concat([...tr.querySelectorAll("td .num")].slice(0, 3).map((n) => n.dataset.value)).join("|")));
    const told = (v) => v || "(not reported)";
    assert.deepEqual(rows.sort(), b.rows.map((r) => [told(r.service), told(r.model), r.total_tokens, r.input_tokens, r.output_tokens].join("|")).sort());
    const foot = await page.locator("tfoot .num").evaluateAll((ns) => ns.map((n) => Number(n.dataset.value)));
    assert.deepEqual(foot.slice(0, 3), [b.total.total_tokens, b.total.input_tokens, b.total.output_tokens]);
  }));

  test("quality", () => opened("/quality?range=30d", {}, async (p, page) => {
    const q = await server.api(`/quality${parameters(p.requests, "/quality")}`);
    const shown = await page.locator(".found dd > .num:first-child").evaluateAll((ns) => ns.map((n) => Number(n.dataset.value)));
    assert.deepEqual(shown, [q.no_usage_count, q.unpriced_count, q.inconsistent_count, q.estimated_count]);
  }));

  test("one call: its tokens and what they cost", async () => {
    const { items } = await server.api("/logs?limit=50&model=claude-sonnet-4-5-20250929&status=ok");
    const item = items.find((i) => i.cost_usd > 0);
    const d = await server.api(`/logs/${item.id}`);
    await opened(`/logs?model=claude-sonnet-4-5-20250929&call=${item.id}`, {}, async (p, page) => {
      const dialog = page.getByRole("dialog");
      await dialog.locator("table[aria-label=Cost]").waitFor();
      const figures = (await dialog.locator("table[aria-label=Cost] td:last-child").allInnerTexts()).map((s) => Number(s.replace("$", "")));
      assert.deepEqual(figures, [...d.cost.parts.map((x) => x.usd), d.cost.total_usd]);
      assert.equal(await value(dialog.locator("dl.top .num").first()), d.total_tokens);
      await p.axe();
      await p.shot("call-en-light");
    });
  });
});

describe("logs", () => {
  test("search, filters, an empty result, and the way back", () => opened("/logs?range=30d", {}, async (p, page) => {
    const all = await server.api("/logs?limit=1&status=ok");
    const search = page.getByRole("searchbox");
    await page.keyboard.press("/");
    assert.ok(await search.evaluate((e) => e === document.activeElement), "/ goes to the search");
    await search.fill(`trace_id:${all.items[0].trace_id}`);
    await page.waitForURL(/q=trace_id/);
    const want = (await server.api(`/logs?q=trace_id:${all.items[0].trace_id}`)).items.length;
    await eventually("only what matches is listed", async () => (await page.locator("tbody tr[data-index]").count()) === want);
    await search.fill("there-is-no-such-thing");
    await page.getByText("No call matches.").waitFor();
    await search.fill("");
    await page.locator("tbody tr[data-index]").first().waitFor();
    await page.getByText("Error", { exact: true }).first().click();
    await page.waitForURL(/status=error/);
    await settled(page);
    await eventually("only errors are listed", async () => (await page.locator("tbody tr[data-index] .dot:not(.bad, .warn)").count()) === 0);
    await page.goBack();
    await page.waitForURL((u) => !u.search.includes("status"));
  }));

  test("the keyboard: arrows, Enter, Escape, ?", () => opened("/logs?range=30d", {}, async (p, page) => {
    await page.locator("tbody tr[data-index='0']").focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowDown");
    await page.waitForFunction(() => document.activeElement.dataset.index === "3");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    const first = page.url();
    await page.keyboard.press("ArrowRight");
    await page.waitForURL((u) => u.href !== first);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  }));

  test("every call can be reached by scrolling, few are in the page", () => opened("/logs?range=30d", {}, async (p, page) => {
    const scroller = page.locator(".scroller");
    await eventually("more pages are read", async () => (await scroller.evaluate((e) => e.scrollTo({ top: e.scrollHeight })), Number(await page.locator("table[aria-rowcount]").getAttribute("aria-rowcount")) > 600));
    assert.ok((await page.locator("tbody tr[data-index]").count()) < 80);
  }));

  test("a live call slides in; with the page paused it waits; scrolled away it is announced", () => opened("/logs", {}, async (p, page) => {
    await page.locator("[data-state=live]").waitFor();
    await sendCall({ "gen_ai.response.model": "live-one" });
    await page.locator("tbody tr", { hasText: "live-one" }).waitFor();
    const row = await page.locator("tbody tr", { hasText: "live-one" }).innerText();
    assert.match(row, /100\b[\s\S]*\b10\b/);
    await page.locator(".scroller").evaluate((e) => e.scrollTo({ top: 2000 }));
    await page.waitForTimeout(100);
    await sendCall({ "gen_ai.response.model": "live-two" });
    await page.getByRole("button", { name: "1 new call" }).click();
    await page.locator("tbody tr", { hasText: "live-two" }).waitFor();
    await page.getByRole("button", { name: /Pause live updates/ }).click();
    await page.locator("[data-state=paused]").waitFor();
    await sendCall({ "gen_ai.response.model": "live-three" });
    await page.waitForTimeout(800);
    assert.equal(await page.locator("tbody tr", { hasText: "live-three" }).count(), 0);
    await page.getByRole("button", { name: /Resume live updates/ }).click();
    await page.locator("tbody tr", { hasText: "live-three" }).waitFor();
  }));

  test("superseded records are struck through, and say why", () => opened("/logs?range=30d&superseded=true&service=emitter-vercel-ai", {}, async (p, page) => {
    await page.locator("tbody tr.dead").first().click();
    await page.getByRole("dialog").getByText("Not counted").first().waitFor();
    await p.shot("superseded-en-light");
  }));
});

test("the dashboard moves without a reload, and asks for little", () => opened("/", {}, async (p, page) => {
  await page.locator("[data-state=live]").waitFor();
  const asked = () => p.requests.filter((r) => r.includes("/api/")).map((r) => new URL(r.slice(4)).pathname.replace("/api/console/", "")).sort();
  await eventually("all is asked for", () => asked().length >= 14);
  await page.waitForTimeout(1500);
  assert.deepEqual(asked(), ["alerts", "alerts", "breakdown", "breakdown", "breakdown/heatmap", "budgets", "dashboards", "forecast", "logs/stream", "session", "stats", "stats", "usage-trend", "views"], "one request a card group (and one for the link to Grafana, two for the bell, one for the saved views), and no polling");
  const calls = page.locator("[data-card=calls] .figure .num");
  const before = await value(calls);
  await sendCall({ "gen_ai.response.model": "gpt-4o-mini" });
  await eventually("the card counts the new call", async () => (await value(calls)) === before + 1);
  p.requests.length = 0;
  const began = Date.now();
  for (let i = 0; i < 12; i++) await sendCall({ "gen_ai.response.model": "gpt-4o-mini" });
  await eventually("the card counts all", async () => (await value(calls)) === before + 13);
  const burst = p.requests.filter((r) => r.includes("/stats?")).length;
  const seconds = (Date.now() - began) / 1000;
  assert.ok(burst <= seconds + 2, `${burst} readings in ${seconds} s`);
}));

test("filters are kept from page to page, and every entry leads on with its own", () => opened("/?range=30d&user=user-1", {}, async (p, page) => {
  await page.getByRole("navigation").getByText("Logs").click();
  await page.waitForURL(/\/console\/logs\?range=30d&user=user-1/);
  await page.goBack();
  await page.getByRole("list", { name: "Sums of the range" }).locator("a").first().click();
  await page.waitForURL(/\/console\/logs\?.*model=/);
  assert.match(page.url(), /user=user-1/);
  await page.getByRole("button", { name: /Filter by Model/ }).click();
  await page.getByRole("option").nth(1).click();
  await page.waitForURL((u) => u.searchParams.getAll("model").length === 2);
  await p.axe();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.waitForURL((u) => !u.searchParams.has("model") && !u.searchParams.has("user"));
  await page.getByRole("button", { name: /Time range/ }).click();
  await p.axe();
  await page.getByRole("button", { name: "Last 90 days" }).click();
  await page.waitForURL(/range=90d/);
}));

test("language and theme are switched, and remembered", () => opened("/", { locale: "en-US" }, async (p, page) => {
  await page.getByRole("button", { name: /中/ }).click();
  await page.getByRole("heading", { name: "看板" }).waitFor();
  await page.getByRole("button", { name: /主题/ }).click();
  await page.getByRole("button", { name: /主题/ }).click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.reload();
  await page.getByRole("heading", { name: "看板" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  assert.match(await page.locator("[data-card=tokens] .figure").innerText(), /万/);
}));

/** what concerns keys beyond their making */
const hasKeyRoutes = readFileSync(new URL("../../../internal/console/testdata/openapi.json", import.meta.url), "utf8").includes("/keys/verify");

test("a key: created, copied, verified, used, changed, rotated, disabled, revoked", { skip: !hasKeyRoutes }, () => opened("/keys", {}, async (p, page) => {
  const verify = async (key) => (await fetch(`${server.url}/api/console/keys/verify`, { method: "POST", headers: { Authorization: `Bearer ${key}` } })).status;
  await page.getByRole("button", { name: "Create key" }).click();
  await p.axe();
  await page.getByLabel("Name", { exact: true }).fill("alice <laptop>");
  await page.getByRole("dialog").getByText("Limits", { exact: true }).click();
  await page.getByLabel("Tokens day").fill("5M");
  await p.shot("key-form-en-light");
  await page.getByRole("dialog").getByRole("button", { name: "Create key" }).click();
  const secret = await page.getByTestId("secret").innerText();
  assert.match(secret, /^tb-[\w-]{40,}$/);
  await page.getByRole("dialog").getByRole("button", { name: "Copy", exact: true }).first().click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
  assert.ok((await page.getByRole("dialog").locator("pre").innerText()).includes(secret));
  await p.axe();
  await page.keyboard.press("Escape");
  assert.ok(await page.getByTestId("secret").isVisible(), "it does not close before it is stored");
  assert.ok(await page.getByRole("button", { name: "Done" }).isDisabled());
  await page.getByText("I have stored it").click();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByTestId("secret").waitFor({ state: "detached" });
  assert.ok(!(await page.content()).includes(secret), "the secret is gone from the page");
  assert.equal(await verify(secret), 200);

  await sendCall({ "gen_ai.response.model": "gpt-4o-mini", "gen_ai.request.api_key": secret });
  await page.getByRole("button", { name: "Refresh" }).click();
  const row = page.locator("tbody tr", { hasText: "alice <laptop>" });
  await eventually("the key shows its call", async () => (await row.locator(".num[data-value='110']").count()) > 0);
  const act = async (what) => {
    await row.getByRole("button", { name: /Actions for/ }).click();
    await page.getByRole("menuitem", { name: what }).click();
  };
  await act("Edit");
  await page.locator("input[name=owner]").fill("alice");
  await page.getByRole("button", { name: "Save" }).click();
  await withFolded(row).getByText("alice", { exact: true }).waitFor();

  await act("Rotate");
  await page.getByLabel("Old key stays valid for").selectOption("0");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  const next = await page.getByTestId("secret").innerText();
  assert.notEqual(next, secret);
  await page.getByText("I have stored it").click();
  await page.getByRole("button", { name: "Done" }).click();
  assert.deepEqual([await verify(secret), await verify(next)], [401, 200]);

  await act("Disable");
  await page.getByRole("dialog").getByText("refused at once").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
  await row.getByText("disabled").waitFor();
  assert.equal(await verify(next), 401);
  await act("Enable");
  await row.getByText("active").waitFor();
  assert.equal(await verify(next), 200);

  await act("Revoke");
  await page.getByRole("dialog").getByText("stop working at once").waitFor();
  await p.axe();
  await p.shot("key-revoke-en-light");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await row.waitFor({ state: "detached" });
  assert.equal(await verify(next), 401);
  await page.getByText("All", { exact: true }).click();
  await row.getByText("revoked").waitFor();
}));

test("exports are files", () => opened("/?range=30d", {}, async (p, page) => {
  const take = async (click) => {
    const [d] = await Promise.all([page.waitForEvent("download"), click()]);
    return { name: d.suggestedFilename(), text: readFileSync(await d.path(), "utf8") };
  };
  const menu = async (item) => {
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByRole("menuitem", { name: item }).click();
  };
  const { model_count: models } = await server.api("/stats");
  const table = await take(() => page.getByRole("region", { name: "Models" }).getByRole("link", { name: "This table as CSV" }).click());
  assert.match(table.name, /^tokenboard-breakdown-model-provider-\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d\.csv$/);
  const rows = table.text.trimEnd().split(/\r?\n/);
  assert.match(rows[0], /^\uFEFFrow,model,provider,api_call_count,/);
  assert.ok(models > 10);
  assert.equal(rows.length, models + 2, "every model, the names and the total");
  const everything = await take(() => menu("Everything as JSON"));
  const doc = JSON.parse(everything.text);
  assert.equal(doc.stats.api_call_count, doc.logs.length);
  const calls = await take(() => menu("CSV (calls)"));
  assert.match(calls.name, /^tokenboard-.*\.csv$/);
  assert.match(calls.text, /^\uFEFFid,time,/);
  await page.goto(`${server.url}/console/explore?range=30d`);
  await settled(page);
  const explored = await take(() => page.getByRole("link", { name: "JSON" }).click());
  assert.ok(JSON.parse(explored.text).rows.length > 10);
}));

test("users are made and taken back, and the audit log tells of it", () => opened("/users", {}, async (p, page) => {
  await page.getByRole("button", { name: "Create user" }).click();
  await page.getByLabel("User name").fill("zoe");
  await page.getByLabel("Role").selectOption("viewer");
  await page.getByLabel("Password").fill("a long pass phrase");
  await p.axe();
  await page.getByRole("dialog").getByRole("button", { name: "Create user" }).click();
  const row = page.locator("tbody tr", { hasText: "zoe" });
  await row.getByText("Viewer").waitFor();
  await row.getByRole("button", { name: /Actions for/ }).click();
  await page.getByRole("menuitem", { name: "Delete user" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete user" }).click();
  await row.waitFor({ state: "detached" });

  await page.getByRole("navigation").getByText("Audit log").click();
  for (const what of ["User created", "User deleted"]) await page.locator("tbody tr", { hasText: what }).first().waitFor();
  await page.locator("tbody tr", { hasText: "User created" }).first().click();
  await page.getByRole("dialog").getByText("zoe").first().waitFor();
  await p.axe();
}));

test("hostile telemetry is text and nothing else", async () => {
  const bad = [
    `<img src=x onerror="document.title='pwned'"><script>document.title="pwned"</script>`, "\u202Egnp.lave\u202C\u2067right\u2069 to left", "long" + "x".repeat(9996), "emoji 😀👩‍👩‍👧‍👦🏳️‍🌈",
    "{{ constructor.constructor('document.title=1')() }}", "javascript:alert(1)", "=HYPERLINK(\"http://evil.example\")", "日本語 مرحبا שלום", "a\u0000b\u001B[31mc", "__proto__",
  ];
  const s = await startServer();
  try {
    for (const text of bad)
      await sendCall({ "gen_ai.response.model": text, "enduser.id": text, service: text, "url.path": text, "error.type": text, "gen_ai.response.id": text.slice(0, 200), "gen_ai.provider.name": text }, s);
    for (const path of ["/", "/?by=user", "/logs", "/explore?then=user", "/explore?view=time&by=service", "/quality", "/prices"])
      for (const width of [1360, 375])
        await opened(path, { width }, async (p, page) => {
          const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.ok(wider <= 0, `${path} is ${wider} pixels too wide`);
          assert.equal(await page.locator("#app img, #app script, #app iframe").count(), 0);
          assert.match(await page.title(), /Tokenboard$/);
          assert.equal(await page.locator("a[href^='javascript:'], a[href^='http:']:not([href^='" + s.url + "'])").count(), 0);
          assert.ok((await page.evaluate(() => document.body.innerText.length)) < 40_000, "long texts are cut");
          await p.shot(`hostile-${name(path)}-${width}`);
        }, s);
    await opened("/logs", {}, async (p, page) => {
      await page.locator("tbody tr[data-index]", { hasText: "<img src=x" }).click();
      await page.getByRole("dialog").getByText(bad[0], { exact: true }).first().waitFor();
      await p.axe();
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /Filter by Model/ }).click();
      await page.getByRole("option", { name: /<img src=x/ }).click();
      await page.waitForURL((u) => u.searchParams.get("model") === bad[0]);
      await eventually("one call is left", async () => (await page.locator("tbody tr[data-index]").count()) === 1);
    }, s);
    await opened("/", {}, async (p, page) => {
      const [d] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "This table as CSV" }).first().click()]);
      assert.ok(!/(^|,)"?[=@]/m.test(readFileSync(await d.path(), "utf8")), "no cell is a formula");
    }, s);
  } finally {
    await s.stop();
  }
});

test("an empty server shows what to do next, and then the first call", async () => {
  const s = await startServer();
  try {
    await opened("/", {}, async (p, page) => {
      await page.getByText("Send the first calls").waitFor();
      assert.match(await page.locator(".welcome pre").innerText(), /CLAUDE_CODE_ENABLE_TELEMETRY=1/);
      await p.axe();
      await p.shot("welcome-en-light", { fullPage: true });
      await page.locator("[data-state=live]").waitFor();
      await sendCall({ "gen_ai.response.model": "gpt-4o-mini" }, s);
      await page.locator(".welcome").waitFor({ state: "detached" });
      assert.equal(await value(page.locator("[data-card=calls] .figure .num")), 1);
    }, s);
    await opened("/keys", { locale: "zh-CN" }, (_, page) => page.getByText("还没有密钥").waitFor(), s);
  } finally {
    await s.stop();
  }
});

test("an error says what to do, and a retry mends it", async () => {
  const p = await openPage(browser, server.url, {});
  try {
    let broken = true;
    await p.page.route("**/api/console/stats?*", (r) => (broken ? r.fulfill({ status: 500, contentType: "application/json", body: '{"code":500,"message":"the store does not answer","details":[]}' }) : r.continue()));
    await p.page.goto(`${server.url}/console/`);
    const alert = p.page.getByRole("alert").filter({ hasText: "the store does not answer" }).first();
    await alert.waitFor();
    broken = false;
    await alert.getByRole("button", { name: "Try again" }).click();
    await p.page.getByRole("table", { name: "Models" }).waitFor();
  } finally {
    await p.close();
  }
});

describe("signing in", () => {
  let s;
  before(async () => {
    s = await startServer(["extensions::tokenconsole::access: {mode: local, admin: {username: root, password: correct horse battery}}"]);
    await sendCall({ "gen_ai.response.model": "gpt-4o-mini" }, s);
  });
  after(() => s?.stop());

  const signIn = async (page, name_, password) => {
    await page.getByLabel("User name").fill(name_);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  };

  test("a wrong password, the right one, one's roles, and out again", async () => {
    const p = await openPage(browser, s.url, {});
    try {
      const { page } = p;
      await p.go("/logs?range=30d");
      await p.axe();
      await p.shot("login-en-light");
      await signIn(page, "root", "wrong");
      await page.getByText("User name or password is wrong.").waitFor();
      p.problems.length = 0; // the browser tells of the 401
      await signIn(page, "root", "correct horse battery");
      await page.locator("tbody tr", { hasText: "gpt-4o-mini" }).waitFor();
      assert.match(page.url(), /\/logs\?range=30d/, "signing in leads to where one wanted to go");
      for (const [name_, role] of [["vera", "viewer"], ["mia", "member"]])
        assert.equal(await page.evaluate(async ([n, r]) => (await fetch("/api/console/users", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name: n, role: r, password: "a long pass phrase" }) })).status, [name_, role]), 201);
      await page.getByRole("navigation").getByText("API tokens").click();
      await page.getByRole("button", { name: "Create token" }).click();
      await page.getByLabel("Name", { exact: true }).fill("reports");
      await page.getByRole("dialog").getByRole("button", { name: "Create token" }).click();
      assert.match(await page.getByTestId("secret").innerText(), /^tbt-/);
      await page.getByText("I have stored it").click();
      await page.getByRole("button", { name: "Done" }).click();
      await page.getByRole("button", { name: /^Revoke: reports/ }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
      await page.getByText("No API tokens yet.").waitFor();
      // The scope is offered with the role admin only, and what was chosen before another role is not sent.
      await page.getByRole("button", { name: "Create token" }).click();
      const dialog = page.getByRole("dialog");
      const scope = dialog.getByLabel("Allow it to manage users");
      await dialog.getByLabel("Name", { exact: true }).fill("directory");
      assert.equal(await scope.count(), 0, "the role is viewer");
      await dialog.getByLabel("Role").selectOption("admin");
      await scope.check();
      await p.axe();
      await dialog.getByLabel("Role").selectOption("operator");
      assert.equal(await scope.count(), 0, "an operator has no users to manage");
      await dialog.getByLabel("Role").selectOption("admin");
      await scope.check();
      await dialog.getByRole("button", { name: "Create token" }).click();
      const token = await page.getByTestId("secret").innerText();
      await page.getByText("I have stored it").click();
      await page.getByRole("button", { name: "Done" }).click();
      await page.locator("tbody tr", { hasText: "directory" }).getByText("manages users").waitFor();
      assert.equal((await fetch(`${s.url}/api/console/users`, { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` }, body: JSON.stringify({ name: "dora", role: "viewer", password: "a long pass phrase" }) })).status, 201, "the token makes users");
      await page.getByRole("button", { name: "Account" }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
      await page.getByLabel("User name").waitFor();
      const shown = async () => (await page.getByRole("navigation").locator("li a").allInnerTexts()).map((x) => x.trim());
      await signIn(page, "vera", "a long pass phrase");
      await page.getByRole("navigation").waitFor();
      assert.deepEqual(await shown(), ["Dashboard", "Logs", "Keys", "Explore", "Errors", "Bills", "Budgets", "Alerts", "API tokens", "Prices", "Data quality", "Settings"]);
      await page.getByRole("navigation").getByText("Keys").click();
      await settled(page);
      assert.equal(await page.getByRole("button", { name: "Create key" }).count(), 0, "a viewer makes no keys");
      await page.getByRole("button", { name: "Account" }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
      await signIn(page, "mia", "a long pass phrase");
      await page.getByRole("navigation").waitFor();
      assert.deepEqual(await shown(), ["Dashboard", "Logs", "Keys", "Explore", "Errors", "Bills", "Budgets", "API tokens"]);
      p.check();
    } finally {
      await p.close();
    }
  });
});
