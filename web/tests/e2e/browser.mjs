// Headless Chromium, with a watch on what a page must never do.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const results = fileURLToPath(new URL("../../test-results/", import.meta.url));

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage", "--disable-component-update", "--no-first-run", "--lang=en-US"],
});

/** A page of its own: its problems are collected, and `check` fails where there are any. */
export async function openPage(browser, url, { locale = "en-US", theme = "light", width = 1360, height = 900, timezoneId = "Asia/Shanghai" } = {}) {
  const context = await browser.newContext({
    locale, timezoneId, colorScheme: theme, viewport: { width, height }, deviceScaleFactor: 1, acceptDownloads: true, hasTouch: width < 500, isMobile: false,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const problems = [];
  const requests = [];
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`));
  });
  page.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") problems.push(`${m.type()}: ${m.text()} ${m.location().url}`);
  });
  page.on("pageerror", (e) => problems.push(`error: ${e.stack ?? e}`));
  page.on("request", (r) => {
    requests.push(`${r.method()} ${r.url()}`);
    if (!r.url().startsWith(url) && !r.url().startsWith("blob:")) problems.push(`a request to ${r.url()}`);
  });
  return {
    page, requests, problems,
    go: async (path) => {
      await page.goto(`${url}/console${path}`);
      await settled(page);
    },
    check: () => assert.deepEqual(problems.splice(0), []),
    axe: async () => {
      await page.evaluate(axe);
      // a dialog that still fades in has less contrast than it will have
      await page.evaluate(() => Promise.allSettled(document.getAnimations()
        .filter((a) => a.effect?.getComputedTiming().endTime !== Infinity).map((a) => a.finished)));
      const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      const serious = found.violations.filter((v) => v.impact === "serious" || v.impact === "critical");
      assert.deepEqual(serious.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + (n.any[0]?.message ?? "")).join(" | ")}`), []);
    },
    shot: async (name, options = {}) => {
      mkdirSync(results, { recursive: true });
      await page.screenshot({ path: `${results}${name}.png`, ...options });
    },
    close: () => context.close(),
  };
}

/** Waits until a page is there and nothing of it is being loaded. */
export async function settled(page) {
  await page.waitForFunction(() => document.querySelector("main > *") && !document.querySelector(".skeleton"));
  await page.evaluate(() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))));
}
