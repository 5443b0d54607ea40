// Bills: a team's bill of last month as a file in few clicks, credits, internal prices and a currency set in the page, the printed
// bill, and every width in both languages.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { launch, openPage, settled } from "./browser.mjs";
import { clipped } from "./clipped.mjs";
import { startServer } from "./server.mjs";
import { call, send } from "./telemetry.mjs";

let server;
let browser;
/** the middle of the month before this one */
const lastMonth = (() => { const d = new Date(); return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() - 1, 15, 12); })();
const month = new Date(lastMonth).toISOString().slice(0, 7);
const json = (method, body) => ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

before(async () => {
  server = await startServer();
  browser = await launch();
  for (let i = 0; i < 48; i++) {
    const model = ["gpt-4o", "claude-sonnet-4-5", "our-own-70b", "a-model-with-a-name-that-is-as-long-as-names-of-models-can-get-2026-01-31"][i % 4];
    await send(server.otlp, "traces", call({
      trace: `bill${i}`, start: lastMonth + i * 60_000, "user.id": i % 4 === 3 ? "邮件摘要服务" : ["alice", "bob", ""][i % 3], "gen_ai.provider.name": ["openai", "anthropic", "ourselves", "openai"][i % 4],
      "gen_ai.request.model": model, "gen_ai.response.model": model, "gen_ai.usage.input_tokens": 123_456, "gen_ai.usage.output_tokens": 7_890,
    }));
  }
  await server.api("/teams", json("POST", { name: "Search", users: ["alice", "bob"] }));
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

/** Rows of a CSV file without quoted line ends, by the names of their columns. */
function rowsOf(text) {
  const cells = (line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) => (m[1] ?? m[2]).replaceAll('""', '"'));
  const [head, ...lines] = text.replace("\ufeff", "").trim().split(/\r?\n/).map(cells);
  return lines.map((l) => Object.fromEntries(head.map((h, i) => [h, l[i]])));
}

test("a team's bill of last month as CSV, in at most four clicks, equals what the API says", () => opened("/", {}, async (p, page) => {
  let clicks = 0;
  const click = async (l) => { clicks++; await l.click(); };
  await click(page.getByRole("link", { name: "Bills", exact: true }));
  await click(page.getByText("Team", { exact: true }).first());
  const [file] = await Promise.all([page.waitForEvent("download"), click(page.getByRole("link", { name: "CSV of the bill of Search" }))]);
  assert.ok(clicks <= 4, `${clicks} clicks`);
  const rows = rowsOf(readFileSync(await file.path(), "utf8"));
  assert.equal(file.suggestedFilename(), `tokenboard-bills-team-${month}.csv`);
  const zone = await page.evaluate(() => new URLSearchParams(document.querySelector('a[href*="/bills/export"]').href.split("?")[1]).get("timezone"));
  const { from, to } = await server.api(`/bills?by=team&timezone=${encodeURIComponent(zone)}`);
  const stats = await server.api(`/stats?team=Search&${new URLSearchParams({ from, to })}`);
  const bill = rows.find((r) => r.row === "bill");
  assert.equal(bill.holder_name, "Search");
  assert.equal(Number(bill.cost_usd), stats.cost_usd);
  assert.ok(stats.cost_usd > 0 && stats.unpriced_count > 0);
  assert.equal(bill.total_tokens, String(stats.used_tokens));
  assert.equal(bill.at_least, "true");
  assert.equal(rows.filter((r) => r.row === "model").length, stats.models.length);
  assert.equal(rows.find((r) => r.row === "unpriced").uncharged_count, String(stats.unpriced_count));
}));

test("internal prices, a credit and a currency are set in the page, and are on the bill", () => opened("/bills", {}, async (p, page) => {
  const total = async () => (await server.api(`/bills?by=user&month=${month}`)).total;
  const before = await total();
  await page.getByRole("button", { name: "Set internal prices" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByTestId("factor").fill("1.5");
  await dialog.getByRole("button", { name: "Add a rule" }).click();
  await dialog.getByLabel("Model (* is any letters)").fill("our-own-*");
  await dialog.getByLabel("Input", { exact: true }).fill("1");
  await dialog.getByLabel("Output", { exact: true }).fill("2");
  await p.axe();
  await p.shot("bills-terms");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  const own = 12 * (123_456 * 1 + 7_890 * 2) / 1e6;
  assert.ok(Math.abs((await total()).charged_usd - (1.5 * before.cost_usd + own)) < 1e-8);

  await page.getByRole("button", { name: "Set currency" }).click();
  await dialog.getByLabel("Units per US dollar").fill("7.2");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByTestId("converted").first().waitFor();
  await page.getByText("1 USD = 7.2 CNY").waitFor();

  await page.getByRole("cell", { name: "bob", exact: true }).or(page.getByText("bob", { exact: true })).first().click();
  await page.getByRole("article", { name: "Bill of bob" }).waitFor();
  await page.getByRole("button", { name: "Add credit" }).click();
  await dialog.getByLabel("Amount in USD").fill("0.25");
  await dialog.getByLabel("Reason, shown on the bill").fill("Outage on the 3rd");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("Outage on the 3rd").waitFor();
  const [bill] = (await server.api(`/bills?by=user&month=${month}&holder=bob`)).bills;
  assert.equal(bill.credit_usd, 0.25);
  assert.ok(Math.abs(bill.due_usd - (bill.charged_usd - 0.25)) < 1e-9);
  const shown = await page.getByTestId("due").textContent();
  assert.equal(Number(shown.replace(/[^\d.]/g, "")), bill.due_usd, "every digit");
  await p.axe();
}));

test("the printed bill is pages of A4 with all lines and nothing of the frame", async () => {
  for (const look of [{ locale: "en-US" }, { locale: "zh-CN", theme: "dark" }])
    await opened("/bills?by=user&bill=%3Dalice", look, async (p, page) => {
      await page.locator("article.sheet").waitFor();
      const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true });
      assert.match(pdf.subarray(0, 5).toString("latin1"), /^%PDF-/);
      await page.emulateMedia({ media: "print" });
      assert.equal(await page.locator("nav.side").isVisible(), false);
      assert.equal(await page.locator("header.top").isVisible(), false);
      assert.equal(await page.getByRole("button", { name: /Print|打印/ }).first().isVisible(), false);
      await page.setViewportSize({ width: 690, height: 980 }); // A4 between its margins
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `the bill is ${wide} pixels wider than the paper`);
      const dark = await page.evaluate(() => getComputedStyle(document.querySelector("article.sheet")).color);
      assert.equal(dark, "rgb(17, 17, 17)", "dark on white whatever the theme is");
      await p.shot(`bill-print-${look.locale}`, { fullPage: true });
      const { writeFileSync } = await import("node:fs");
      if (process.env.KEEP_PDF) writeFileSync(`${process.env.KEEP_PDF}/bill-${look.locale}.pdf`, pdf);
    });
});

describe("every width, both languages", () => {
  for (const path of [`/bills?by=user`, `/bills?by=user&bill=%3Dalice`])
    for (const look of [
      { locale: "en-US", width: 1440 }, { locale: "zh-CN", width: 1440, theme: "dark" }, { locale: "en-US", width: 1024 }, { locale: "zh-CN", width: 1024, theme: "dark" },
      { locale: "zh-CN", width: 375, height: 780 }, { locale: "en-US", width: 375, height: 780, theme: "dark" }, { locale: "en-US", width: 1920 },
    ])
      test(`${path} ${look.locale} ${look.width}`, () => opened(path, look, async (p, page) => {
        await page.getByText("alice").first().waitFor();
        await settled(page);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wider <= 0, `the page is ${wider} pixels too wide`);
        assert.deepEqual(await clipped(page), []);
        await p.axe();
        await p.shot(`bills-${path.includes("bill=") ? "one" : "all"}-${look.locale}-${look.width}`, { fullPage: true });
      }));
});
