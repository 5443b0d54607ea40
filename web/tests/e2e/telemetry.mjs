// Telemetry to fill a server with: the captures of real emitters, their times moved to now.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const captures = fileURLToPath(new URL("../../../testdata/captures/", import.meta.url));
const signals = ["traces", "logs"];

const sameLength = (salt, id) => createHash("sha256").update(salt + id).digest("hex").slice(0, id.length);

/** The newest moment that a text of OTLP/JSON names, in milliseconds. */
function newest(text) {
  let most = 0;
  for (const m of text.matchAll(/"(?:start|end)?[tT]imeUnixNano":"(\d+)"/g)) most = Math.max(most, Number(BigInt(m[1]) / 1_000_000n));
  return most;
}

/** The same telemetry `by` milliseconds later, as of other traces. */
function moved(text, by, salt) {
  const nanos = BigInt(by) * 1_000_000n;
  return text
    .replace(/("(?:start|end|observed)?[tT]imeUnixNano":")(\d+)"/g, (_, k, v) => `${k}${BigInt(v) + nanos}"`)
    .replace(/("(?:traceId|spanId|parentSpanId)":")([0-9a-f]+)"/g, (_, k, v) => `${k}${salt ? sameLength(salt, v) : v}"`)
    .replace(/(?<=")20\d\d-\d\d-\d\dT[\d:.]+Z(?=\\?")/g, (v) => new Date(Date.parse(v) + by).toISOString())
    .replace(/("key":"[^"]*(?:response[._]id|request[._]id|call[._]id|prompt[._]id|session\.id|completion_id)","value":\{"stringValue":")([^"]+)"/g, (_, k, v) => `${k}${salt ? sameLength(salt, v + "0".repeat(32)).slice(0, 32) : v}"`);
}

/**
 * Requests of OTLP/JSON: every capture, once for each of `ages`, ending that many milliseconds
 * before `now`. Each copy is of calls of its own.
 */
export function* replay(now, ages, names = readdirSync(captures)) {
  for (const name of names) {
    const files = signals.map((s) => [s, `${captures}${name}/${s}.jsonl`]).filter(([, f]) => existsSync(f)).map(([s, f]) => [s, readFileSync(f, "utf8")]);
    const last = Math.max(...files.map(([, text]) => newest(text)));
    for (const age of ages) {
      const salt = age === ages[0] ? "" : name + age;
      for (const [signal, text] of files)
        for (const line of moved(text, now - age - last, salt).split("\n")) if (line.trim()) yield { signal, body: line };
    }
  }
}

const value = (v) => (typeof v === "number" ? (Number.isInteger(v) ? { intValue: String(v) } : { doubleValue: v }) : { stringValue: String(v) });
const attributes = (o) => Object.entries(o).map(([key, v]) => ({ key, value: value(v) }));

/** One call as one span. */
export function call({ trace, start, ms = 900, service = "test", ...attrs }) {
  const id = createHash("sha256").update("call" + trace).digest("hex");
  const failed = attrs["http.response.status_code"] >= 400;
  return JSON.stringify({
    resourceSpans: [{
      resource: { attributes: attributes({ "service.name": service }) },
      scopeSpans: [{ scope: { name: "test" }, spans: [{
        traceId: id.slice(0, 32), spanId: id.slice(32, 48), name: "chat", kind: 3, startTimeUnixNano: `${Math.floor(start)}000000`, endTimeUnixNano: `${Math.floor(start + ms)}000000`,
        ...(failed ? { status: { code: 2 } } : {}),
        attributes: attributes({ "gen_ai.operation.name": "chat", ...attrs }),
      }] }],
    }],
  });
}

export async function send(otlp, signal, body) {
  const res = await fetch(`${otlp}/v1/${signal}`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  if (res.status === 503) { // the server asks for patience
    await new Promise((r) => setTimeout(r, 500));
    return send(otlp, signal, body);
  }
  if (!res.ok) throw new Error(`OTLP ${signal}: ${res.status} ${await res.text()}`);
}
