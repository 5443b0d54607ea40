// Budgets and teams: made, shown, changed and deleted in the page, at every width and in both languages.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { clipped } from "./clipped.mjs";
import { startServer } from "./server.mjs";
import { call, send } from "./telemetry.mjs";

const json = { "Content-Type": "application/json" };
let server;
let browser;

before(async () => {
  server = await startServer(["extensions: {tokenconsole: {budgets: [{name: of the file, scope: all, period: week, week_begins: sunday, tokens: 1000000}]}}"]);
  browser = await launch();
  const hour = 3_600_000;
  for (let h = 0; h < 24 * 12; h += 3)
    await send(server.otlp, "traces", call({ trace: `budget${h}`, start: Date.now() - h * hour - 60_000, "user.id": "alice", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10 }));
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function opened(options, run) {
  const p = await openPage(browser, server.url, options);
  try {
    await p.go("/budgets");
    await run(p, p.page);
    p.check();
  } finally {
    await p.close();
  }
}
const post = (path, body) => server.api(path, { method: "POST", headers: json, body: JSON.stringify(body) });

test("a team and its budget: made, shown with what is used, changed, deleted", () => opened({}, async (p, page) => {
  const budgets = page.getByRole("table", { name: "Budgets" });
  await budgets.getByText("of the file").waitFor();
  assert.equal(await budgets.getByRole("button", { name: /Actions for of the file/ }).count(), 0, "a budget of the configuration cannot be changed");

  await page.getByRole("button", { name: "Create team" }).click();
  const dialog = page.getByRole("dialog");
  // by its name alone: the text of a label around a select holds that of the options too
  const select = (name) => dialog.getByRole("combobox", { name, exact: true });
  await dialog.getByLabel("Name").fill("Research");
  await dialog.getByLabel("Users").fill("alice\nbob, alice");
  await p.axe();
  await dialog.getByRole("button", { name: "Create team" }).click();
  await page.getByRole("table", { name: "Teams" }).getByText("alice, bob").waitFor();

  await page.getByRole("button", { name: "Create budget" }).click();
  await dialog.getByLabel("Name").fill("papers");
  await select("For").selectOption("team");
  await select("Team").selectOption({ label: "Research" });
  await select("Period").selectOption("month");
  await select("Begins on").selectOption("31");
  await select("Unit").selectOption("tokens");
  await dialog.locator("[name=limit]").fill("nothing");
  await dialog.getByText("A limit must be a number above 0").waitFor();
  await dialog.locator("[name=limit]").fill("20k");
  await dialog.getByLabel("Hard budget").check();
  await p.axe();
  await p.shot("budgets-editor");
  await dialog.getByRole("button", { name: "Create budget" }).click();
  const row = budgets.getByRole("row").filter({ hasText: "papers" });
  await row.getByText("of 20.0K").first().waitFor();
  const [made] = await server.api("/budgets?scope=team");
  assert.equal(made.month_begins, 31);
  assert.equal(made.tokens.limit, 20_000);
  assert.ok(made.hard);

  await page.getByRole("button", { name: "Actions for papers" }).click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  await dialog.locator("[name=limit]").fill("50");
  await select("Unit").selectOption("usd");
  await dialog.getByLabel("Hard budget").uncheck();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("of $50.00").first().waitFor();
  const [changed] = await server.api("/budgets?scope=team");
  assert.equal(changed.usd.limit, 50);
  assert.ok(!changed.hard);

  await page.getByRole("button", { name: "Actions for papers" }).click();
  await page.getByRole("menuitem", { name: "Delete budget" }).click();
  await dialog.getByRole("button", { name: "Delete budget" }).click();
  await page.getByText("papers").first().waitFor({ state: "detached" });
  assert.equal((await server.api("/budgets?scope=team")).length, 0);
}));

describe("every width, both languages", () => {
  before(async () => {
    const team = await post("/teams", { name: "<script>alert(1)</script> 名 " + "ä".repeat(60), users: ["alice"], projects: ["p"] });
    await post("/budgets", { name: "used up", scope: "user", subject: "alice", period: "total", tokens: 100, hard: true });
    await post("/budgets", { name: "of the team, with a long name that has no end", scope: "team", subject: team.id, period: "month", tokens: 100_000 });
    await post("/budgets", { name: "model", scope: "model", subject: "gpt-4o", period: "total", usd: 12.5 });
  });
  for (const look of [{ locale: "en-US", width: 1440 }, { locale: "zh-CN", width: 1024, theme: "dark" }, { locale: "en-GB", width: 768 }, { locale: "zh-CN", width: 375, height: 780 }, { locale: "en-US", width: 375, height: 780, theme: "dark" }])
    test(`${look.locale} ${look.width}`, () => opened(look, async (p, page) => {
      await page.getByText("used up").first().waitFor();
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wider <= 0, `the page is ${wider} pixels too wide`);
      assert.ok(await page.locator(".now.bad").count() > 0, "what is used up is red");
      if (look.width > 500)
        await page.getByRole("table", { name: look.locale === "zh-CN" ? "预算" : "Budgets" }).getByText(look.locale === "zh-CN" ? "已用尽" : "now", { exact: true }).waitFor();
      assert.deepEqual(await clipped(page), []);
      const names = await page.locator(".strong").evaluateAll((all) => all.filter((e) => e.scrollWidth > e.clientWidth && e.clientWidth < 100).map((e) => `${e.textContent}: ${e.clientWidth}`));
      assert.deepEqual(names, [], "enough of every name is shown to know it by");
      await p.axe();
      await p.shot(`budgets-${look.locale}-${look.width}`);
    }));
});
