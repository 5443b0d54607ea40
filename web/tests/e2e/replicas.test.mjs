// Replicas on a PostgreSQL of its own: admins see them among the settings; of a single process there is nothing to see.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { freePort, startServer } from "./server.mjs";

const installed = "/usr/lib/postgresql";
const newest = (() => {
  try {
    return readdirSync(installed).sort((a, b) => Number(b) - Number(a))[0];
  } catch {
    return undefined;
  }
})();
const skip = newest === undefined ? "PostgreSQL is not installed: tools/install-test-packages.sh installs it on Debian" : false;

/** starts a PostgreSQL in a folder of its own, as a user without privileges */
async function startPostgres() {
  const bin = join(installed, newest, "bin");
  const dir = mkdtempSync(join(tmpdir(), "tokenboard-postgres-"));
  const id = (flag) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  const user = process.getuid() === 0 ? { uid: id("-u"), gid: id("-g") } : {};
  writeFileSync(join(dir, "password"), "of-the-tests\n");
  chmodSync(dir, 0o700);
  if (user.uid) for (const path of [dir, join(dir, "password")]) chownSync(path, user.uid, user.gid);
  const made = spawnSync(join(bin, "initdb"), ["-D", join(dir, "data"), "-U", "tester", `--pwfile=${join(dir, "password")}`, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"], { cwd: dir, ...user, encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  const port = await freePort();
  const child = spawn(join(bin, "postgres"), ["-D", join(dir, "data"), "-p", String(port), "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"], { cwd: dir, ...user, stdio: "ignore" });
  const exited = new Promise((yes) => child.once("exit", yes));
  const dsn = `postgres://tester:of-the-tests@127.0.0.1:${port}/postgres`;
  for (let i = 0; spawnSync(join(bin, "psql"), [dsn, "-c", "SELECT 1"]).status !== 0; i++) {
    assert.ok(i < 300 && child.exitCode === null, "PostgreSQL does not start");
    await new Promise((r) => setTimeout(r, 100));
  }
  return { dsn, stop: async () => { child.kill("SIGQUIT"); await exited; rmSync(dir, { recursive: true, force: true }); } };
}

let browser, database;
const servers = [];
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser.close();
  for (const s of servers) await s.stop();
  await database?.stop();
});

test("replicas are among the settings", { skip }, async () => {
  database = await startPostgres();
  const config = [`extensions: {tokenstore: {engine: postgres, postgres: {dsn: "${database.dsn}", key_secret: "${"0a".repeat(32)}"}}}`];
  for (let i = 0; i < 3; i++) servers.push(await startServer(config));
  for (const [locale, theme, title, leader] of [["en-US", "light", "Replicas", "Leader"], ["zh-CN", "dark", "副本", "主副本"]]) {
    for (const width of [375, 1024, 1280, 1440]) {
      const p = await openPage(browser, servers[0].url, { locale, theme, width, height: 1100 });
      await p.go("/settings");
      const panel = p.page.locator("section", { has: p.page.getByRole("heading", { name: title, exact: true }) });
      await panel.waitFor();
      const text = await panel.innerText();
      assert.equal(text.split(leader).length - 1, 2, `the leader is named above, and one of the rows leads: ${text}`);
      const { replicas } = await servers[0].api("/cluster");
      assert.equal(replicas.length, 3);
      for (const r of replicas) assert.ok((await panel.textContent()).includes(r.name), r.name);
      assert.equal(await p.page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false, "nothing is wider than the page");
      await panel.scrollIntoViewIfNeeded();
      await p.shot(`replicas-${locale}-${width}`);
      await p.axe();
      p.check();
      await p.close();
    }
  }
});

test("a single process has no replicas", async () => {
  const s = await startServer();
  servers.push(s);
  const p = await openPage(browser, s.url);
  await p.go("/settings");
  await p.page.getByRole("heading", { name: "Send telemetry here", exact: true }).waitFor();
  assert.equal(await p.page.getByRole("heading", { name: "Replicas", exact: true }).count(), 0);
  p.check();
  await p.close();
});
