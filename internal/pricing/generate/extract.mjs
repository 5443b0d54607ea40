// Reads the price data out of the npm package @pydantic/genai-prices and prints what Tokenboard needs
// of it, in a fixed order. Usage: node extract.mjs FOLDER_OF_THE_PACKAGE > prices.json
import fs from 'node:fs'
import path from 'node:path'
import vm from 'node:vm'

const folder = process.argv[2]
const { version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
const source = fs.readFileSync(path.join(folder, 'dist', 'index.cjs'), 'utf8')
// The package exports no data, only functions over them: the data are the first list of objects
// with an id in its bundle.
const name = /const (\w+)=\[\{id:"/.exec(source)?.[1]
if (!name) throw new Error('the bundle has another form: the list of providers was not found')
const context = { exports: {}, module: {}, console, process: { env: {} }, setTimeout, fetch: undefined, require: () => ({}) }
const providers = vm.runInNewContext(`${source};${name}`, context)

const kept = ['input_mtok', 'output_mtok', 'cache_read_mtok', 'cache_write_mtok', 'cache_write_1h_mtok', 'output_reasoning_mtok', 'requests_kcount']
const pick = (o, names) => Object.fromEntries(names.filter((n) => o[n] !== undefined).map((n) => [n, o[n]]))
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
const prices = (p) => pick(p, kept)
const out = {
  source: 'https://github.com/pydantic/genai-prices (npm @pydantic/genai-prices), MIT, see NOTICE',
  version,
  providers: providers.map((p) => ({
    id: p.id,
    ...pick({ provider_match: rule(p.provider_match), model_match: rule(p.model_match), fallback_model_providers: p.fallback_model_providers },
      ['provider_match', 'model_match', 'fallback_model_providers']),
    models: p.models.map((m) => ({
      id: m.id,
      match: rule(m.match),
      prices: (Array.isArray(m.prices) ? m.prices : [{ prices: m.prices }]).map((c) => ({
        ...(c.constraint ? { constraint: c.constraint } : {}),
        prices: prices(c.prices),
      })),
    })),
  })),
}
// one model a line: a refresh shows what changed
const lines = JSON.stringify(out).replaceAll('{"id":', '\n{"id":')
process.stdout.write(lines + '\n')
