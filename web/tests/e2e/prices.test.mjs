// Prices set in the page: what is shown before it is saved, what it makes of stored calls, at every width and in both languages.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { clipped } from "./clipped.mjs";
import { startServer } from "./server.mjs";
import { call, send } from "./telemetry.mjs";

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await launch();
  for (let i = 0; i < 20; i++)
    await send(server.otlp, "traces", call({
      trace: `price${i}`, start: Date.now() - i * 3_600_000 - 60_000, "gen_ai.provider.name": i % 2 ? "openai" : "ourselves",
      "gen_ai.request.model": i % 2 ? "gpt-4o" : "our-own-70b", "gen_ai.response.model": i % 2 ? "gpt-4o" : "our-own-70b", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
    }));
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

test("an unpriced model gets a price, and its stored calls a cost, in at most five clicks", () => opened("/", {}, async (p, page) => {
  let clicks = 0;
  const click = async (l) => { clicks++; await l.click(); };
  await click(page.getByRole("link", { name: "Prices", exact: true }));
  await click(page.getByRole("button", { name: "Set price our-own-70b", exact: true }));
  const dialog = page.getByRole("dialog");
  await dialog.locator("input[inputmode=decimal]").first().fill("2");
  await dialog.locator("input[inputmode=decimal]").nth(1).fill("8");
  const preview = dialog.getByRole("status");
  await preview.getByText("$0.028").first().waitFor(); // 10 calls of 1000 x 2 + 100 x 8 per million: 0.028
  await p.axe();
  await p.shot("price-dialog");
  assert.equal((await server.api("/prices")).own.length, 0, "nothing is set before it is saved");
  await click(dialog.getByRole("button", { name: "Save and apply to stored calls" }));
  await page.getByTestId("price-job").getByText(/recalculated: 10 calls/).waitFor();
  assert.ok(clicks <= 5, `${clicks} clicks`);
  const { own, unpriced } = await server.api("/prices");
  assert.equal(own[0].input_usd_per_mtok, 2);
  assert.equal(unpriced.length, 0);
  const stats = await server.api("/stats?model=our-own-70b");
  assert.equal(stats.cost_usd, 0.028);

  // another page finds it again
  await page.reload();
  await page.getByTestId("price-job").getByText(/recalculated: 10 calls/).waitFor();
  await page.getByRole("searchbox").fill("gpt-4o-mini");
  await page.getByText(/models found/).waitFor();
  await page.getByRole("button", { name: "Edit price our-own-70b" }).click();
  assert.equal(await dialog.locator("input[inputmode=decimal]").nth(1).inputValue(), "8");
  await page.keyboard.press("Escape");
}));

test("a file of prices is previewed and taken, and so is a price book", () => opened("/prices", {}, async (p, page) => {
  await page.getByRole("button", { name: "Import prices…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("input[type=file]").setInputFiles({ name: "prices.csv", mimeType: "text/csv", buffer: Buffer.from("model,input,output\nfrom-a-file,1,2\n") });
  await dialog.getByRole("status").getByText(/1 new/).waitFor();
  assert.ok(!(await server.api("/prices")).own.some((o) => o.model === "from-a-file"), "nothing is set before it is imported");
  await dialog.getByRole("button", { name: "Import", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  const { own } = await server.api("/prices");
  assert.equal(own.find((o) => o.model === "from-a-file").output_usd_per_mtok, 2);
  const book = JSON.stringify({ version: "9", providers: [{ id: "p", models: [{ id: "x", match: { equals: "x" }, prices: [{ prices: { input_mtok: 1, output_mtok: 2 } }] }] }] });
  await page.locator("main input[type=file]").setInputFiles({ name: "book.json", mimeType: "application/json", buffer: Buffer.from(book) });
  const taken = async () => (await server.api("/prices")).book.taken?.name === "book.json";
  for (let i = 0; i < 600 && !(await taken()); i++) await page.waitForTimeout(100);
  assert.ok(await taken(), "the book is taken");
  await server.api("/prices/book", { method: "DELETE" });
}));

describe("every width, both languages", () => {
  for (const look of [{ locale: "en-US", width: 1920 }, { locale: "en-US", width: 1440 }, { locale: "zh-CN", width: 1024, theme: "dark" }, { locale: "zh-CN", width: 375, height: 780 }, { locale: "en-US", width: 375, height: 780, theme: "dark" }])
    test(`${look.locale} ${look.width}`, () => opened("/prices", look, async (p, page) => {
      await page.getByText("our-own-70b").first().waitFor();
      await page.getByRole("searchbox").fill("claude");
      await page.getByText(look.locale === "zh-CN" ? /找到/ : /models found/).waitFor();
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wider <= 0, `the page is ${wider} pixels too wide`);
      assert.deepEqual(await clipped(page), []);
      await p.axe();
      await p.shot(`prices-${look.locale}-${look.width}`);
    }));
});
