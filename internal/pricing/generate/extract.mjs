// Prints the price book: what Tokenboard needs of the data in the npm package @pydantic/genai-prices,
// in a fixed order. Usage: npm ci && node extract.mjs > ../prices.json
import fs from 'node:fs'
import path from 'node:path'
import vm from 'node:vm'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules', '@pydantic', 'genai-prices')
const { version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
const source = fs.readFileSync(path.join(folder, 'dist', 'index.cjs'), 'utf8')
// The package exports no data, only functions over them: the data are the first list of objects
// with an id in its bundle.
const name = /const (\w+)=\[\{id:"/.exec(source)?.[1]
if (!name) throw new Error('the bundle has another form: the list of providers was not found')
const context = { exports: {}, module: {}, console, process: { env: {} }, setTimeout, fetch: undefined, require: () => ({}) }
const providers = vm.runInNewContext(`${source};${name}`, context)

// What a call's token figures can be priced by, see ../kinds.go.
const kept = [
  'input_mtok', 'output_mtok', 'cache_read_mtok', 'cache_write_mtok', 'cache_write_1h_mtok', 'output_reasoning_mtok',
  'input_audio_mtok', 'cache_audio_read_mtok', 'output_audio_mtok', 'input_image_mtok', 'cache_image_read_mtok', 'output_image_mtok',
  'input_video_mtok', 'output_video_mtok', 'requests_kcount',
]
// What telemetry of token usage does not tell: seconds, pages, messages, tools, citations.
const left = [
  'web_searches_kcount', 'storage_searches_kcount', 'audio_hours', 'input_audio_hours', 'input_document_kpages',
  'input_annotated_document_kpages', 'input_text_messages_kcount', 'output_citation_mtok',
]
const prices = (p, where) => {
  for (const key of Object.keys(p)) {
    if (!kept.includes(key) && !left.includes(key)) throw new Error(`${where} has a price ${key} that is new: teach it to kinds.go, or leave it out here`)
  }
  return Object.fromEntries(kept.filter((n) => p[n] !== undefined).map((n) => [n, p[n]]))
}

// Go's regular expressions know no look-ahead (which is why no name can make them slow):
// "not this, and then that" becomes two rules.
const rule = (m) => {
  if (m === undefined) return undefined
  if (m.or) return { or: m.or.map(rule) }
  if (m.and) return { and: m.and.map(rule) }
  const ahead = /^\^\(\?!((?:[^()]|\([^()]*\))*)\)(.*)$/.exec(m.regex ?? '')
  if (!ahead) return m
  const not = { not: { regex: '^' + ahead[1] } }
  return ahead[2] === '' ? not : { and: [not, { regex: '^' + ahead[2] }] }
}

// the day on which the version came out, for the age that the console shows
const times = JSON.parse(execFileSync('npm', ['view', '@pydantic/genai-prices', 'time', '--json'], { encoding: 'utf8' }))
const date = times[version].slice(0, 10)

const out = {
  source: 'https://github.com/pydantic/genai-prices (npm @pydantic/genai-prices), MIT, see NOTICE',
  version,
  date,
  providers: providers.map((p) => ({
    id: p.id,
    ...(p.provider_match ? { provider_match: rule(p.provider_match) } : {}),
    ...(p.model_match ? { model_match: rule(p.model_match) } : {}),
    ...(p.fallback_model_providers ? { fallback_model_providers: p.fallback_model_providers } : {}),
    models: p.models.map((m) => ({
      id: m.id,
      match: rule(m.match),
      prices: (Array.isArray(m.prices) ? m.prices : [{ prices: m.prices }]).map((c) => ({
        ...(c.constraint ? { constraint: c.constraint } : {}),
        prices: prices(c.prices, `${p.id} ${m.id}`),
      })),
    })),
  })),
}
// one model a line: a refresh shows what changed
process.stdout.write(JSON.stringify(out).replaceAll('{"id":', '\n{"id":') + '\n')
