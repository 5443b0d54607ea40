// Writes the dashboards and the alert rules.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { generate } from "./generate.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
for (const [name, text] of generate()) {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}
