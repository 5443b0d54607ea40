// What the page says where there is nothing, where the server is gone, and where it refuses.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPage, settled } from "./browser.mjs";
import { startServer } from "./server.mjs";
import { call, send } from "./telemetry.mjs";

const json = { "Content-Type": "application/json" };
const models = ["gpt-4o", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "claude-sonnet-4-5"];
const locales = [["en-US", "en"], ["zh-CN", "zh"]];
let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await launch();
  for (const [i, model] of models.entries())
    for (let n = 0; n < 3; n++)
      await send(server.otlp, "traces", call({ trace: `state${i}.${n}`, start: Date.now() - 60_000 * (1 + i), "gen_ai.response.model": model, "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10 }));
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function opened(path, options, run, { checked = true, at = server } = {}) {
  const p = await openPage(browser, at.url, options);
  try {
    await p.go(path);
    await run(p, p.page);
    if (checked) p.check();
  } finally {
    await p.close();
  }
}

const past = "from=2021-01-01T00:00:00Z&to=2021-01-02T00:00:00Z";

describe("a range without calls, though calls are stored", () => {
  for (const [locale, l] of locales)
    for (const path of ["/", "/logs"])
      test(`${path} ${locale}`, () => opened(`${path}?${past}`, { locale }, async (p, page) => {
        await page.getByText(l === "zh" ? "此时间范围内没有调用" : "No calls in this range").first().waitFor();
        assert.equal(await page.getByText(/No calls are stored yet|尚未收到任何调用/).count(), 0);
        const newest = (await server.api("/logs?limit=1")).items[0];
        assert.equal(await page.locator(".welcome pre").count(), 0, "no snippets: telemetry arrives");
        await p.shot(`empty-range-${path === "/" ? "dashboard" : "logs"}-${l}`);
        await page.getByRole("button", { name: l === "zh" ? "查看当天" : "Show that day" }).click();
        await page.waitForURL((u) => Date.parse(u.searchParams.get("from")) <= Date.parse(newest.time) && Date.parse(newest.time) < Date.parse(u.searchParams.get("to")));
        await settled(page);
        if (path === "/logs") await page.locator("tbody tr[data-index]").first().waitFor();
        else await page.waitForFunction((n) => Number(document.querySelector("[data-card=calls] .figure .num").dataset.value) >= n, 3);
      }));
});

test("snippets name the addresses where the server receives OTLP", async () => {
  const s = await startServer();
  try {
    await opened("/", { locale: "zh-CN" }, async (p, page) => {
      await page.getByText("尚未收到任何调用").waitFor();
      const port = new URL(s.otlp).port;
      const host = new URL(s.url).hostname;
      assert.ok((await page.locator(".welcome pre").innerText()).includes(`http://${host}:${port}\n`), "the receiver's port");
      await page.getByText("用 curl 试用").click();
      assert.ok((await page.locator(".welcome pre").innerText()).includes(`http://${host}:${port}/v1/traces`));
      await page.goto(`${s.url}/console/settings`);
      await settled(page);
      assert.ok((await page.locator("pre").first().innerText()).includes(`http://${host}:${port}`));
    }, { at: s });
  } finally {
    await s.stop();
  }
});

describe("Enter in a filter", () => {
  const enter = async (page, text) => {
    await page.getByRole("button", { name: /Filter by Model/ }).click();
    await page.getByRole("listbox").or(page.getByPlaceholder(/Find/)).first().waitFor();
    await page.getByPlaceholder(/Find/).pressSequentially(text);
    await page.keyboard.press("Enter");
  };
  test("takes the first match, however soon it is pressed", () => opened("/logs", {}, async (p, page) => {
    await enter(page, "SONNET");
    await page.waitForURL((u) => u.searchParams.getAll("model").join() === "claude-sonnet-4-5");
  }));
  test("takes the value that is typed whole before longer ones", () => opened("/logs", {}, async (p, page) => {
    await enter(page, "gpt-4o-mini");
    await page.waitForURL((u) => u.searchParams.getAll("model").join() === "gpt-4o-mini");
  }));
  test("never takes a chosen value away", () => opened("/logs?model=gpt-4o", {}, async (p, page) => {
    await enter(page, "sonnet");
    await page.waitForURL((u) => u.searchParams.getAll("model").join() === "gpt-4o,claude-sonnet-4-5");
  }));
  test("takes the typed text where nothing matches it", () => opened("/logs", {}, async (p, page) => {
    await enter(page, "no-such-model");
    await page.waitForURL((u) => u.searchParams.getAll("model").join() === "no-such-model");
  }));
  test("takes what the arrows chose", () => opened("/logs", {}, async (p, page) => {
    await page.getByRole("button", { name: /Filter by Model/ }).click();
    await page.getByRole("option").nth(2).waitFor();
    const third = (await page.getByRole("option").nth(2).locator("bdi").innerText()).trim();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL((u) => u.searchParams.getAll("model").join() === third);
  }));
  test("finds a status by its name in Chinese", () => opened("/logs", { locale: "zh-CN" }, async (p, page) => {
    await page.getByRole("button", { name: "添加筛选" }).click();
    await page.getByRole("menuitem", { name: "状态" }).click();
    await page.getByRole("button", { name: /筛选：\s*状态/ }).click();
    await page.getByPlaceholder("搜索状态").pressSequentially("成功");
    await page.getByRole("option", { name: "成功" }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL((u) => u.searchParams.getAll("status").join() === "ok");
  }));
});

describe("a refusal is said once, in the reader's language", () => {
  for (const [locale, l] of locales)
    test(`a name that is taken ${locale}`, () => opened("/keys", { locale }, async (p, page) => {
      const name = `taken-${l}`;
      await server.api("/keys", { method: "POST", headers: json, body: JSON.stringify({ name }) });
      const button = page.getByRole("button", { name: l === "zh" ? "创建密钥" : "Create key" });
      await button.first().click();
      await page.locator("input[name=name]").fill(name);
      await page.getByRole("dialog").getByRole("button", { name: l === "zh" ? "创建密钥" : "Create key" }).click();
      const alert = page.getByRole("dialog").getByRole("alert");
      await alert.waitFor();
      const said = (await alert.locator("p").allInnerTexts()).map((s) => s.trim());
      if (l === "zh") assert.deepEqual(said, ["请求未被接受：", "该名称已被其他密钥使用，请换一个名称。"]);
      else assert.deepEqual(said, ["The server rejected the request:", "body.name: a key of this name exists already; choose another name, or revoke that key first"]);
      await p.shot(`refusal-${l}`);
    }, { checked: false }));
  for (const [locale, l] of locales)
    test(`a filter that is wrong ${locale}`, () => opened("/?status=fine", { locale }, async (p, page) => {
      await page.getByRole("alert").first().waitFor();
      const said = await page.locator("main [role=alert] p").allInnerTexts();
      const detail = l === "zh" ? "状态：须为 ok、error 或 HTTP 状态码。" : 'query.status: must be "ok", "error" or an HTTP status code';
      await page.waitForFunction(() => !document.querySelector(".skeleton"));
      assert.equal(said.filter((x) => x === detail).length, 1, said.join("\n"));
      assert.equal(await page.locator("main [role=alert]").count(), 1);
      if (l === "zh") for (const s of said) assert.doesNotMatch(s, /must|query\./);
      await p.shot(`refusal-filter-${l}`);
    }, { checked: false }));
});

describe("a server that stops", () => {
  for (const [locale, l] of locales)
    for (const [path, width] of [["/", 1440], ["/logs", 375], ["/keys", 1024]])
      test(`${path} ${locale} ${width}`, async () => {
        const s = await startServer();
        let stopped = false;
        try {
          await send(s.otlp, "traces", call({ trace: "stop" + l, start: Date.now() - 2000, "gen_ai.response.model": "gpt-4o", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10 }));
          await opened(path, { locale, width }, async (p, page) => {
            await page.locator("[data-state=live]").waitFor({ state: "attached" });
            assert.equal(await page.getByTestId("lost").count(), 0);
            await s.halt();
            stopped = true;
            const lost = page.getByTestId("lost");
            await lost.waitFor();
            assert.match(await lost.innerText(), l === "zh" ? /服务器自 \d\d:\d\d:\d\d 起无响应/ : /has not answered since \d\d:\d\d:\d\d/);
            assert.equal(await page.locator("main [role=alert]").count(), 0, "it is said once");
            await p.shot(`stopped-${path === "/" ? "dashboard" : path.slice(1)}-${l}-${width}`);
            await s.again();
            stopped = false;
            await lost.waitFor({ state: "detached" });
            await page.locator("[data-state=live]").waitFor({ state: "attached" });
            if (path === "/") {
              await send(s.otlp, "traces", call({ trace: "back" + l, start: Date.now() - 1000, "gen_ai.response.model": "gpt-4o", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10 }));
              await page.waitForFunction(() => document.querySelector("[data-card=calls] .figure .num").dataset.value === "2");
            }
          }, { checked: false, at: s });
        } finally {
          if (!stopped) await s.stop();
        }
      });
});
