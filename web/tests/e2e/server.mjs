// The real binary on a folder of its own.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const binary = process.env.TOKENBOARD_BINARY ?? join(root, "bin/tokenboard");

// below the ports that the system gives to outgoing connections
const given = new Set();
export async function freePort() {
  for (let i = 0; i < 1000; i++) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (given.has(port)) continue;
    given.add(port);
    const free = await new Promise((yes) => {
      const s = createServer().once("error", () => yes(false)).listen(port, "127.0.0.1", () => s.close(() => yes(true)));
    });
    if (free) return port;
  }
  throw new Error("no port is free");
}

/** Starts the binary; `config` is laid over the quickstart's configuration. */
export async function startServer(config = [], env = {}, dir = mkdtempSync(join(tmpdir(), "tokenboard-web-"))) {
  const [console_, grpc, http] = [await freePort(), await freePort(), await freePort()];
  const args = config.length ? ["--config", join(root, "examples/quickstart/config.yaml"), ...config.flatMap((c) => ["--config", "yaml:" + c])] : [];
  let log = "";
  let child;
  let exited;
  const start = () => {
    child = spawn(binary, args, {
      cwd: root, stdio: ["ignore", "ignore", "pipe"],
      env: {
        ...process.env, TOKENBOARD_DATA_DIR: dir, TOKENBOARD_CONSOLE_ENDPOINT: `127.0.0.1:${console_}`,
        TOKENBOARD_OTLP_GRPC_ENDPOINT: `127.0.0.1:${grpc}`, TOKENBOARD_OTLP_HTTP_ENDPOINT: `127.0.0.1:${http}`, ...env,
      },
    });
    child.stderr.on("data", (b) => (log = (log + b).slice(-20_000)));
    exited = new Promise((yes) => child.once("exit", yes));
  };
  const ready = async () => {
    for (let i = 0; ; i++) {
      if (child.exitCode !== null) throw new Error(`the server ended: ${log}`);
      // receivers start after the console
      if (await fetch(`${url}/ready`).then((r) => r.ok, () => false) && await fetch(server.otlp).then(() => true, () => false)) return;
      if (i > 600) throw new Error(`the server is not ready: ${log}`);
      await new Promise((r) => setTimeout(r, 100));
    }
  };
  const url = `http://127.0.0.1:${console_}`;
  const server = {
    url, otlp: `http://127.0.0.1:${http}`, dir, get pid() { return child.pid; }, log: () => log,
    api: async (path, init) => {
      const res = await fetch(`${url}/api/console${path}`, init);
      const body = await res.json();
      if (body.code !== 0) throw new Error(`${path}: ${JSON.stringify(body)}`);
      return body.data;
    },
    /** ends the process and keeps its data */
    halt: async () => {
      child.kill("SIGTERM");
      await exited;
    },
    /** starts it again, at the same addresses */
    again: async () => {
      start();
      await ready();
    },
    stop: async () => {
      await server.halt();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  start();
  await ready();
  return server;
}
