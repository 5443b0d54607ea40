// Every page at four widths, in both languages, with more of everything than fits.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage, settled } from "./browser.mjs";
import { clipped } from "./clipped.mjs";
import { fill, groups, long, models } from "./crowd.mjs";
import { startServer } from "./server.mjs";

const widths = [1440, 1280, 1024, 375];
const locales = ["en-US", "zh-CN"];
const month = new Date().toISOString().slice(0, 7); // the calls are of the last days
const paths = [
  "/", "/?measure=cost_usd&by=user", "/logs", "/logs?superseded=true&status=error", "/keys", "/keys?show=all", "/explore", "/explore?by=model&then=user&measure=cost_usd", "/explore?view=time&by=user", "/errors", "/sessions/none", "/budgets", "/alerts", "/alerts?tab=rules", "/alerts?tab=channels",
  "/users", "/tokens", "/audit", "/prices", "/bills", `/bills?by=key&month=${month}`, `/bills?by=user&month=${month}`, `/bills?by=user&month=${month}&bill=${encodeURIComponent("=" + long("user-6", 90))}`, "/quality", "/settings", "/?from=2021-01-01T00:00:00Z&to=2021-01-02T00:00:00Z", "/logs?from=2021-01-01T00:00:00Z&to=2021-01-02T00:00:00Z",
];
const name = (path) => path.replaceAll(/\W+/g, "-").replace(/^-|-$/g, "").slice(0, 40) || "dashboard";
let server;
let browser;
let cookie;

before(async () => {
  server = await startServer(["extensions::tokenconsole::access: {mode: local, admin: {username: root, password: correct horse battery}}"]);
  const res = await fetch(`${server.url}/api/console/session`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username: "root", password: "correct horse battery" }) });
  const [pair] = res.headers.getSetCookie()[0].split(";");
  cookie = { name: pair.slice(0, pair.indexOf("=")), value: pair.slice(pair.indexOf("=") + 1), url: server.url };
  const api = (path, init = {}) => server.api(path, { ...init, headers: { ...init.headers, Cookie: pair } });
  await fill({ api, otlp: server.otlp });
  const s = await api("/stats");
  assert.equal(s.api_call_count, groups);
  assert.ok(s.model_count >= 300 && models.length >= 300 && s.unpriced_count > 100, "there are many models, and many without a price");
  assert.ok((await api("/breakdown?by=model,user&limit=1")).row_count > 500, "there are more than 500 groups");
  assert.equal((await api("/keys")).length, 100);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const opened = {};

/** The one page of a language: it is signed in once, and goes from address to address. */
async function signedIn(locale, run) {
  if (!opened[locale]) {
    opened[locale] = await openPage(browser, server.url, { locale, width: widths[0] });
    await opened[locale].page.context().addCookies([cookie]);
  }
  const p = opened[locale];
  await run(p, p.page);
  p.check();
}

/** Sets the width of the window, and waits until the page has taken it. */
async function resize(page, width) {
  await page.setViewportSize({ width, height: width < 500 ? 780 : 900 });
  await settled(page);
  await page.evaluate(() => new Promise((r) => setTimeout(r, 50)));
}

const shots = process.env.TOKENBOARD_SHOTS === "1";

describe("no figure and no button is cut", () => {
  for (const locale of locales)
    for (const path of paths)
      test(`${path} ${locale}`, () => signedIn(locale, async (p, page) => {
        await p.go(path);
        const found = [];
        for (const width of widths) {
          await resize(page, width);
          for (const f of await clipped(page)) found.push(`${width}: ${f}`);
          if (shots) await p.shot(`width-${name(path)}-${locale.slice(0, 2)}-${width}`);
        }
        assert.deepEqual(found, []);
      }));
});

describe("an open call", () => {
  for (const locale of locales)
    test(locale, () => signedIn(locale, async (p, page) => {
      await p.go("/logs");
      const found = [];
      for (const width of widths) {
        await resize(page, width);
        await page.locator("[data-index='1']").first().click();
        await page.getByRole("dialog").locator("dl.facts").waitFor();
        await page.waitForTimeout(250); // it slides in
        const drawn = await page.evaluate(() => {
          const d = document.querySelector("[role=dialog]");
          return [...d.querySelectorAll("*")].filter((e) => !e.matches(".sr, .clip, .clip *") && /\d/.test(e.innerText ?? "") && e.children.length === 0 && (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().right > d.getBoundingClientRect().right + 1)).map((e) => e.outerHTML.slice(0, 120));
        });
        for (const f of drawn) found.push(`${width}: ${f}`);
        if (shots) await p.shot(`width-call-${locale.slice(0, 2)}-${width}`);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      assert.deepEqual(found, []);
    }));
});
