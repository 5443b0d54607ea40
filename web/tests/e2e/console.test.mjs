// The page in headless Chromium against the real binary, filled from the captures.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage, settled } from "./browser.mjs";
import { startServer } from "./server.mjs";
import { call, replay, send } from "./telemetry.mjs";

const day = 86_400_000;
const hour = 3_600_000;
let server;
let browser;

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

async function opened(path, options, run) {
  const p = await openPage(browser, server.url, options);
  try {
    await p.go(path);
    await run(p, p.page);
    p.check();
  } finally {
    await p.close();
  }
}

const pages = ["/", "/logs", "/keys", "/quality"];
const name = (path) => path.replaceAll(/\W+/g, "-").replace(/^-|-$/g, "") || "dashboard";

describe("every page, in both languages and themes, on a desk and on a phone", () => {
  const looks = [
    { id: "en-light", locale: "en-US", theme: "light" }, { id: "zh-dark", locale: "zh-CN", theme: "dark" }, { id: "en-dark", locale: "en-GB", theme: "dark" }, { id: "zh-light", locale: "zh-Hans-CN", theme: "light" },
    { id: "phone-zh-light", locale: "zh-CN", theme: "light", width: 375, height: 780 }, { id: "phone-en-dark", locale: "en-US", theme: "dark", width: 375, height: 780 },
  ];
  for (const look of looks)
    for (const path of pages)
      test(`${path} ${look.id}`, () => opened(path, look, async (p, page) => {
        assert.equal(await page.locator("html").getAttribute("lang"), look.id.includes("zh") ? "zh-CN" : "en");
        assert.equal(await page.locator("html").getAttribute("data-theme"), look.theme);
        assert.match(await page.getByTestId("as-of").innerText(), /\d\d:\d\d:\d\d/);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wider <= 0, `the page is ${wider} pixels too wide`);
        await p.axe();
        await p.shot(`${name(path)}-${look.id}`);
      }));
});
