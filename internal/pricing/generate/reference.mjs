// Prints what the npm package @pydantic/genai-prices itself says that calls cost, for the tests.
// Usage: node reference.mjs FOLDER_OF_THE_PACKAGE PRICES.json > reference.jsonl
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const { calcPrice } = await import(pathToFileURL(path.resolve(process.argv[2], 'dist', 'index.js')))
const book = JSON.parse(fs.readFileSync(process.argv[3], 'utf8'))
const usages = [
  { input_tokens: 1200, output_tokens: 300 },
  { input_tokens: 1200, output_tokens: 300, cache_read_tokens: 700, cache_write_tokens: 100 },
  { input_tokens: 300001, output_tokens: 1000, cache_read_tokens: 1000 },
]
let n = 0
for (const p of book.providers) {
  for (const m of p.models) {
    if (n++ % 4 !== 0) continue // every fourth: the file is for a test
    for (const usage of usages) {
      for (const at of ['2025-01-15T12:00:00Z', '2026-11-01T20:00:00Z']) {
        let usd = null
        try {
          usd = calcPrice(usage, m.id, { providerId: p.id, timestamp: new Date(at) })?.total_price ?? null
        } catch {
          continue // its own checks refuse the call
        }
        console.log(JSON.stringify({ provider: p.id, model: m.id, at, ...usage, usd }))
      }
    }
  }
}
