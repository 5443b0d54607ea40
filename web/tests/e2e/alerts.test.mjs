// Alerts: rules, channels, what fires, the bell; what the month will cost and what changed.
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { launch, openPage, settled } from "./browser.mjs";
import { clipped } from "./clipped.mjs";
import { startServer } from "./server.mjs";
import { call, send } from "./telemetry.mjs";

const json = { "Content-Type": "application/json" };
const hour = 3_600_000;
let server;
let browser;

/** A receiver of webhooks: it keeps what it gets, and answers what it is told to. */
async function receiver(secret) {
  const got = [];
  const r = { got, status: 204 };
  const s = createServer((req, res) => {
    let body = "";
    req.on("data", (b) => (body += b));
    req.on("end", () => {
      const signed = `${req.headers["webhook-id"]}.${req.headers["webhook-timestamp"]}.${body}`;
      const want = "v1," + createHmac("sha256", Buffer.from(secret.slice("whsec_".length), "base64")).update(signed).digest("base64");
      got.push({ body: JSON.parse(body), genuine: req.headers["webhook-signature"].split(" ").includes(want) });
      res.writeHead(r.status).end();
    });
  });
  await new Promise((yes) => s.listen(0, "127.0.0.1", yes));
  return Object.assign(r, { url: `http://127.0.0.1:${s.address().port}/alerts`, close: () => new Promise((yes) => s.close(yes)) });
}

before(async () => {
  server = await startServer(["extensions: {tokenconsole: {notifications: {allow: [127.0.0.1]}}}"]);
  browser = await launch();
  // thirty days of two models; since yesterday's begin a new, dear one of a new user
  const now = Date.now();
  const send1 = (id, start, model, user, n) => send(server.otlp, "traces", call({ trace: id, start, "user.id": user, "gen_ai.provider.name": "openai", "gen_ai.request.model": model, "gen_ai.response.model": model, "gen_ai.usage.input_tokens": n, "gen_ai.usage.output_tokens": Math.round(n / 10) }));
  for (let h = 1; h < 30 * 24; h += 4) {
    await send1(`a${h}`, now - h * hour, "gpt-4o-mini", "alice", 40_000 + (h % 7) * 1000);
    await send1(`b${h}`, now - h * hour, "gpt-4o", "bob", 20_000);
  }
  const midnight = new Date(now);
  midnight.setUTCHours(0, 0, 0, 0);
  for (let h = 1; h < 24; h += 6) await send1(`c${h}`, midnight.getTime() - h * hour, "o1", "carol", 30_000);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function opened(path, options, run) {
  const p = await openPage(browser, server.url, { timezoneId: "UTC", ...options });
  try {
    await p.go(path);
    await run(p, p.page);
    p.check();
  } finally {
    await p.close();
  }
}
const post = (path, body) => server.api(path, { method: "POST", headers: json, body: JSON.stringify(body) });
const remove = (path) => server.api(path, { method: "DELETE" });
/** waits until the server says so */
async function until(what, ask) {
  for (let i = 0; i < 600; i++) {
    const got = await ask();
    if (got) return got;
    await new Promise((r) => setTimeout(r, 100));
  }
  throw new Error(`${what} never came`);
}

test("a rule: made from a template, tried on what is stored, switched off and on, changed, deleted", () => opened("/alerts", {}, async (p, page) => {
  await page.getByText("Nothing fires.").waitFor();
  await page.getByRole("radio", { name: "Rules" }).check({ force: true });
  await page.getByRole("button", { name: "One call in ten fails" }).click();
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.locator("[name=name]").inputValue(), "One call in ten fails");
  assert.equal(await dialog.locator("[name=limit]").inputValue(), "10");
  assert.equal(await dialog.locator("[name=hold]").inputValue(), "5", "minutes");
  await dialog.locator("[name=kind]").selectOption("spend");
  await dialog.locator("[name=limit]").fill("no number");
  await dialog.getByText("Fill in numbers above 0").waitFor();
  await dialog.locator("[name=limit]").fill("0.10");
  await dialog.locator("[name=window]").selectOption("day");
  await dialog.getByRole("button", { name: "Add a filter" }).click();
  await dialog.getByRole("textbox", { name: "Model" }).fill("o1, gpt-4o");
  await dialog.locator("[name=hold]").fill("");
  await dialog.getByRole("button", { name: "Add a quiet time" }).click();
  await dialog.getByLabel("Quiet from").fill("23:00");
  await dialog.getByRole("button", { name: "Sun" }).click();
  await p.axe();
  await p.shot("alerts-rule");
  await dialog.getByRole("button", { name: "Dry run" }).click();
  const run = dialog.getByTestId("dry-run");
  await run.getByText(/It would have fired \d+ times?\./).waitFor();
  assert.ok(Number(/fired (\d+)/.exec(await run.innerText())[1]) >= 20, "about once a day");
  await run.scrollIntoViewIfNeeded();
  await p.axe();
  await p.shot("alerts-dry-run");
  await dialog.getByRole("button", { name: "Create rule" }).click();
  const rules = page.getByRole("table", { name: "Rules" });
  await rules.getByText("$0.10 spent in the current day").waitFor();
  const [made] = await server.api("/alerts/rules");
  assert.deepEqual([made.kind, made.limit, made.window, made.enabled, made.filter, made.for_seconds, made.repeat_seconds, made.send_resolved], ["spend", 0.1, "day", true, { model: ["o1", "gpt-4o"] }, undefined, 4 * 3600, true]);
  assert.deepEqual(made.quiet, [{ days: [1, 2, 3, 4, 5, 6], from: "23:00", to: "07:00", timezone: "UTC" }]);

  await rules.getByRole("switch").click();
  await rules.getByRole("switch", { checked: false }).waitFor();
  assert.equal((await server.api("/alerts/rules"))[0].enabled, false);
  await rules.getByRole("switch").click();
  await rules.getByRole("switch", { checked: true }).waitFor();

  await page.getByRole("button", { name: "Actions for One call in ten fails" }).click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  await dialog.locator("[name=name]").fill("dear models");
  await dialog.locator("[name=severity]").selectOption("info");
  await dialog.getByRole("button", { name: "Save" }).click();
  await rules.getByText("dear models").waitFor();
  const [changed] = await server.api("/alerts/rules");
  assert.deepEqual({ ...changed, name: "", severity: "", updated_at: "", version: 0 }, { ...made, name: "", severity: "", updated_at: "", version: 0 }, "nothing else changed");

  // somebody else changes it meanwhile: the refusal is said in words
  await page.getByRole("button", { name: "Actions for dear models" }).click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  await server.api(`/alerts/rules/${made.id}`, { method: "PATCH", headers: json, body: JSON.stringify({ enabled: false }) });
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("changed meanwhile").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  p.problems.splice(0); // the browser reports the refusal

  await page.getByRole("button", { name: "Actions for dear models" }).click();
  await page.getByRole("menuitem", { name: "Delete rule" }).click();
  await dialog.getByRole("button", { name: "Delete rule" }).click();
  await page.getByRole("button", { name: "One call in ten fails" }).waitFor();
  assert.equal((await server.api("/alerts/rules")).length, 0);
}));

test("a channel: made with a secret that is never shown again, tested, and what was given up is sent again", async () => {
  const secret = "whsec_" + randomBytes(32).toString("base64");
  const hook = await receiver(secret);
  try {
    await opened("/alerts?tab=channels", {}, async (p, page) => {
      await page.getByRole("button", { name: "Add channel" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.locator("[name=name]").fill("ops");
      await dialog.locator("[name=kind]").selectOption("webhook");
      await dialog.locator("[name=url]").fill(hook.url);
      await dialog.locator("[name=signing_secret]").fill("short");
      await dialog.getByRole("button", { name: "Add channel" }).click();
      await dialog.getByText("signing_secret").last().waitFor();
      p.problems.splice(0); // the browser reports the refusal
      await dialog.locator("[name=signing_secret]").fill(secret);
      await p.axe();
      await p.shot("alerts-channel");
      await dialog.getByRole("button", { name: "Add channel" }).click();
      await page.getByRole("button", { name: "Test ops" }).click();
      await page.getByTestId("tested").getByText("was accepted").waitFor();
      assert.equal(hook.got.length, 1);
      assert.ok(hook.got[0].genuine, "it is signed");
      assert.equal(hook.got[0].body.type, "alert.test");
      const log = page.getByRole("table", { name: "Delivery log" });
      await log.getByText("Sent").first().waitFor();

      // a test that is refused is given up, and can be sent again
      hook.status = 400;
      await page.getByRole("button", { name: "Test ops" }).click();
      await page.getByTestId("tested").getByText("was rejected").waitFor();
      await log.getByText("Given up").waitFor();
      await p.axe();
      await p.shot("alerts-channels");
      hook.status = 204;
      await log.getByRole("button", { name: "Send again" }).click();
      await until("the second try", async () => (await server.api("/alerts/deliveries?status=sent")).length === 2);
      assert.equal(hook.got.length, 3);

      await page.getByRole("button", { name: "Actions for ops" }).click();
      await page.getByRole("menuitem", { name: "Edit" }).click();
      const field = dialog.locator("[name=signing_secret]");
      assert.equal(await field.inputValue(), "");
      assert.equal(await field.getAttribute("placeholder"), "set; empty keeps it");
      await dialog.locator("[name=name]").fill("operations");
      await dialog.getByRole("button", { name: "Save" }).click();
      await page.getByRole("button", { name: "Test operations" }).click();
      await page.getByTestId("tested").getByText("operations was accepted").waitFor();
      assert.ok(hook.got.at(-1).genuine, "the secret stayed");
      assert.ok(!(await page.content()).includes(secret.slice(6)), "the secret is nowhere in the page");
    });
  } finally {
    for (const c of await server.api("/alerts/channels")) await remove(`/alerts/channels/${c.id}`);
    await hook.close();
  }
});

test("what fires: the bell, the list, the alert and its calls, a notification of the browser, and its end", () => opened("/?range=30d", {}, async (p, page) => {
  await page.context().grantPermissions(["notifications"]);
  await page.evaluate(() => {
    globalThis.told = [];
    globalThis.asked = 0;
    const own = Notification.requestPermission.bind(Notification);
    class Told extends EventTarget {
      static get permission() { return "granted"; }
      static requestPermission() { globalThis.asked++; return own(); }
      constructor(title, o) { super(); globalThis.told.push({ title, ...o }); globalThis.last = this; }
      close() {}
    }
    globalThis.Notification = Told;
    document.hasFocus = () => false;
  });
  const bell = page.getByRole("button", { name: "Alerts", exact: true });
  await bell.click();
  await page.getByRole("link", { name: "All alerts" }).waitFor();
  assert.equal(await page.evaluate(() => globalThis.asked), 0, "nobody is asked before a click");
  await page.getByRole("button", { name: "Notify me in this browser" }).click();
  await page.getByText("This browser notifies you").waitFor();
  await page.keyboard.press("Escape");

  const rule = await post("/alerts/rules", { name: "too dear", kind: "spend", severity: "critical", enabled: true, limit: 0.01, window: "7d", filter: { model: ["o1"] }, send_resolved: true });
  await page.getByRole("button", { name: "Alerts, 1 unread" }).waitFor();
  await p.shot("alerts-bell-unread", { clip: { x: 960, y: 0, width: 400, height: 70 } });
  const [told] = await page.evaluate(() => globalThis.told);
  assert.match(told.title, /Critical · too dear/);
  assert.match(told.body, /\$.*limit \$0\.01/);
  await page.getByRole("button", { name: "Alerts, 1 unread" }).click();
  const item = page.locator(".bell-list").getByRole("link", { name: /too dear/ });
  await p.axe();
  await p.shot("alerts-bell");
  await item.click();
  await page.getByTestId("alert").waitFor();
  await page.getByText("carol").first().waitFor();
  await p.axe();
  await p.shot("alerts-open");
  const id = new URL(page.url()).searchParams.get("alert");
  assert.equal((await server.api("/alerts?state=firing"))[0].id, id);
  // the page of the notification's link: its filters are applied
  await page.getByRole("link", { name: "Show in Explore" }).click();
  await page.waitForURL(/\/explore\?/);
  await settled(page);
  await page.getByRole("button", { name: /Model.*o1/ }).waitFor();
  await page.goBack();
  await page.getByTestId("alert").waitFor();
  // a shared link opens it in a page that never saw it
  await page.reload();
  await page.getByTestId("alert").getByText("too dear").or(page.getByRole("heading", { name: "too dear" })).first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("table", { name: "Firing now" }).getByText("too dear").waitFor();
  await page.getByRole("button", { name: "Alerts", exact: true }).waitFor(); // read: in this browser, after a reload too
  await p.shot("alerts-firing");

  await remove(`/alerts/rules/${rule.id}`);
  await page.getByText("Nothing fires.").waitFor();
  await page.getByRole("table", { name: "History" }).getByText("too dear").waitFor();
  await page.getByRole("button", { name: "Alerts, 1 unread" }).click();
  await page.locator(".bell-list").getByText("Resolved").first().waitFor();
}));

test("a hidden page hears of alerts where the person wants to be told", () => opened("/logs", {}, async (p, page) => {
  const streams = () => p.requests.filter((r) => r.includes("/logs/stream"));
  await page.waitForFunction(() => document.querySelector("[data-state=live]"));
  const hide = (hidden) => page.evaluate((h) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => h });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  const before = streams().length;
  await hide(true);
  await page.waitForFunction(() => document.querySelector("[data-state=paused]"));
  assert.equal(streams().length, before, "nobody asked to be told");
  await hide(false);
  await page.waitForFunction(() => document.querySelector("[data-state=live]"));
  await page.context().grantPermissions(["notifications"]);
  await page.getByRole("button", { name: /^Alerts/ }).click();
  await page.getByRole("button", { name: "Notify me in this browser" }).click();
  const heard = page.waitForRequest(/logs\/stream\?events=alerts/);
  await hide(true);
  await heard;
}));

test("the month: what it has cost, what it will cost, and the budget of everything, without a click", async () => {
  const month = await post("/budgets", { name: "everything", scope: "all", period: "month", usd: 50 });
  try {
    await opened("/", {}, async (p, page) => {
      const card = page.locator("[data-card=month]");
      const f = await server.api("/forecast");
      const shown = Number(await card.getByTestId("expected").getAttribute("data-value"));
      assert.ok(Math.abs(shown - f.cost_usd.expected) < 0.05 * f.cost_usd.expected, `${shown} is what the API expects, ${f.cost_usd.expected}`);
      await card.getByText("in 80 of 100 months").waitFor();
      await card.getByTestId("month-budget").getByText("of $50.00").waitFor();
      await p.axe();
      await p.shot("dashboard-month");
    });
    await opened("/?model=o1", {}, async (p, page) => {
      await page.locator("[data-card=month]").getByTestId("expected").or(page.getByText("A forecast needs")).first().waitFor();
      assert.equal(await page.getByTestId("month-budget").count(), 0, "a budget of everything says nothing of one model");
    });
  } finally {
    await remove(`/budgets/${month.id}`);
  }
});

test("roles: a viewer sees alerts and changes nothing, a member sees none", async () => {
  const own = await startServer(["extensions::tokenconsole::access: {mode: local, admin: {username: root, password: correct horse battery}}"]);
  try {
    const signIn = async (username) => {
      const res = await fetch(`${own.url}/api/console/session`, { method: "POST", headers: json, body: JSON.stringify({ username, password: "correct horse battery" }) });
      const [pair] = res.headers.getSetCookie()[0].split(";");
      return { pair, cookie: { name: pair.slice(0, pair.indexOf("=")), value: pair.slice(pair.indexOf("=") + 1), url: own.url } };
    };
    const root = await signIn("root");
    const make = (path, body) => own.api(path, { method: "POST", headers: { ...json, Cookie: root.pair }, body: JSON.stringify(body) });
    for (const role of ["viewer", "member"]) await make("/users", { name: role, role, password: "correct horse battery" });
    await make("/alerts/rules", { name: "dear", kind: "spend", severity: "info", enabled: false, limit: 1, window: "day" });
    await make("/alerts/channels", { name: "mail", kind: "email", language: "en", settings: { host: "mail.example.com", from: "a@example.com", to: "b@example.com" } });
    for (const role of ["viewer", "member"]) {
      const p = await openPage(browser, own.url, { timezoneId: "UTC" });
      try {
        await p.page.context().addCookies([(await signIn(role)).cookie]);
        await p.go("/budgets");
        const entries = await p.page.getByRole("navigation").getByRole("link", { name: "Alerts" }).count();
        const bells = await p.page.getByRole("button", { name: "Alerts", exact: true }).count();
        assert.deepEqual([entries, bells], role === "viewer" ? [1, 1] : [0, 0], role);
        if (role === "viewer") {
          await p.go("/alerts?tab=rules");
          await p.page.getByRole("table", { name: "Rules" }).getByText("dear").click();
          for (const what of [/Create rule/, /Actions for/, /on or off/]) assert.equal(await p.page.getByRole("button", { name: what }).count() + await p.page.getByRole("switch", { name: what }).count(), 0, String(what));
          assert.equal(await p.page.getByRole("dialog").count(), 0, "a viewer edits nothing");
          await p.go("/alerts?tab=channels");
          await p.page.getByRole("table", { name: "Channels" }).getByText("mail").first().waitFor();
          for (const what of [/Add channel/, /^Test/, /Actions for/, /Send again/]) assert.equal(await p.page.getByRole("button", { name: what }).count(), 0, String(what));
        }
        p.check();
      } finally {
        await p.close();
      }
    }
  } finally {
    await own.stop();
  }
});

test("what changed: why yesterday cost more, in two clicks, with causes that add up", () => opened("/", {}, async (p, page) => {
  await page.locator("[data-card=cost]").getByRole("button", { name: /What changed/ }).click(); // the first
  const drawer = page.getByTestId("changes");
  await drawer.getByText("Yesterday").click(); // the second
  const cause = drawer.getByTestId("cause");
  await page.waitForFunction(() => document.querySelector("[data-testid=cause]")?.textContent.includes("o1"));
  assert.match(await cause.innerText(), /^o1: \+\$\d.*, new in this range$/);
  const sums = await drawer.evaluate((d) => {
    const of = (sel, name) => [...d.querySelectorAll(sel)].map((e) => Number(e.dataset[name]));
    return { effects: of("[data-usd]", "usd"), all: of("[data-usd-sum]", "usdSum")[0], rows: of("[data-diff]", "diff"), sum: of("[data-sum]", "sum")[0] };
  });
  const nano = (list) => list.reduce((n, v) => n + BigInt(Math.round(v * 1e9)), 0n);
  assert.equal(sums.effects.length, 4);
  assert.equal(nano(sums.effects), nano([sums.all]), "volume, mix, cache and price add up, to the billionth of a dollar");
  assert.equal(nano(sums.rows), nano([sums.sum]), "the rows add up");
  assert.ok(sums.sum > 0, "yesterday cost more");
  await p.axe();
  await p.shot("changes-cost");
  await drawer.locator("select").last().selectOption("user");
  await page.waitForFunction(() => document.querySelector("[data-testid=cause]")?.textContent.startsWith("carol"));
  await page.goBack();
  await page.getByTestId("changes").waitFor({ state: "detached" });
  await page.locator("[data-card=tokens]").getByRole("button", { name: /What changed/ }).click();
  await drawer.getByText("The effects explain the cost.").waitFor();
  await p.shot("changes-tokens");
  await page.goBack();
  await page.getByTestId("changes").waitFor({ state: "detached" });
  // a share: its parts add up too
  await page.locator("[data-card=cache]").getByRole("button", { name: /What changed/ }).click();
  await drawer.locator("[data-share-sum]").waitFor();
  const shares = await drawer.evaluate((d) => {
    const of = (sel, name) => [...d.querySelectorAll(sel)].map((e) => Number(e.dataset[name]));
    return { steps: of("[data-share]", "share"), all: of("[data-share-sum]", "shareSum")[0], rows: of("[data-diff]", "diff"), sum: of("[data-sum]", "sum")[0] };
  });
  assert.equal(shares.steps.length, 2);
  for (const parts of [shares.steps, shares.rows]) assert.ok(Math.abs(parts.reduce((n, v) => n + v, 0) - shares.all) < 1e-12, JSON.stringify(shares));
  assert.equal(shares.sum, shares.all);
  await p.axe();
  await page.goBack();
  await page.getByTestId("changes").waitFor({ state: "detached" });
  // a median has none: groups are compared
  await page.locator("[data-card=latency]").getByRole("link", { name: /A median has no parts/ }).click();
  await page.waitForURL(/\/explore\?.*measure=latency_p50_ms/);
  assert.match(page.url(), /compare=before/);
}));

describe("every width, both languages", () => {
  before(async () => {
    const long = "a rule whose name <script>alert(1)</script> does not end " + "ä".repeat(40);
    await post("/alerts/rules", { name: long, kind: "spend", severity: "critical", enabled: true, limit: 0.01, window: "30d", repeat_seconds: 86_400, filter: { model: ["gpt-4o", "o1", "gpt-4o-mini"], user: ["alice", "bob", "carol"] }, quiet: [{ from: "22:00", to: "07:00", timezone: "Asia/Shanghai" }] });
    await post("/alerts/rules", { name: "tokens", kind: "tokens", severity: "warning", enabled: true, limit: 1000, window: "month", filter: { user: ["alice"] } });
    const gone = await post("/alerts/rules", { name: "of the past", kind: "unpriced", severity: "info", enabled: true, limit: 1, window: "24h" });
    await send(server.otlp, "traces", call({ trace: "unpriced", start: Date.now() - 60_000, "gen_ai.request.model": "house-model", "gen_ai.response.model": "house-model", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10 }));
    await until("the alerts", async () => (await server.api("/alerts?state=firing")).length === 3);
    await remove(`/alerts/rules/${gone.id}`);
    await post("/alerts/channels", { name: "mail to everybody who is on duty this week " + "x".repeat(50), kind: "email", enabled: false, language: "zh", settings: { host: "mail.example.com", from: "a@example.com", to: "b@example.com" } });
    const c = await post("/alerts/channels", { name: "a local one", kind: "webhook", language: "en", settings: { url: "http://127.0.0.1:9/" }, secrets: { signing_secret: "whsec_" + randomBytes(32).toString("base64") } });
    await post(`/alerts/channels/${c.id}/test`);
    await post("/budgets", { name: "everything", scope: "all", period: "month", usd: 12_345 });
    await post("/budgets", { name: "every week, for all of it", scope: "all", period: "week", tokens: 100_000_000 });
  });
  const looks = [{ locale: "en-US", width: 1440 }, { locale: "zh-CN", width: 1280 }, { locale: "en-US", width: 1024, theme: "dark" }, { locale: "zh-CN", width: 1024 }, { locale: "zh-CN", width: 375, height: 780 }, { locale: "en-US", width: 375, height: 780, theme: "dark" }];
  for (const look of looks)
    test(`${look.locale} ${look.width}`, () => opened("/alerts", look, async (p, page) => {
      const zh = look.locale === "zh-CN";
      const name = (what) => `alerts-${what}-${look.locale.slice(0, 2)}-${look.width}`;
      const whole = async (what) => {
        await settled(page);
        assert.deepEqual(await clipped(page), [], what);
        await p.axe();
        await p.shot(name(what), { fullPage: true });
      };
      await page.getByText("tokens", { exact: true }).first().waitFor();
      await whole("fired");
      await page.getByText("tokens", { exact: true }).first().click();
      await page.getByTestId("alert").waitFor();
      await p.axe();
      await p.shot(name("alert"));
      await p.go("/alerts?tab=rules");
      await page.getByText("tokens", { exact: true }).first().waitFor();
      await whole("rules");
      await page.getByText("tokens", { exact: true }).first().click();
      await page.getByRole("dialog").locator("[name=limit]").waitFor();
      await p.axe();
      await p.shot(name("rule"));
      await p.go("/alerts?tab=channels");
      await page.getByText("a local one").first().waitFor();
      await whole("channels");
      await p.go("/");
      await page.locator("[data-card=month]").getByTestId("expected").waitFor();
      await whole("dashboard");
      await p.go("/?why=cost&whyRange=yesterday");
      await page.getByTestId("cause").waitFor();
      await p.axe();
      await p.shot(name("changes"));
      await page.getByRole("button", { name: zh ? "关闭" : "Close" }).click();
      await page.getByRole("button", { name: zh ? /^告警/ : /^Alerts/ }).last().click();
      await page.locator(".bell-list").waitFor();
      await p.shot(name("bell"));
    }));
});
