// Answers, a line for a line, what the npm package @pydantic/genai-prices says that calls cost.
// A line of input: {usage, model, options: {providerId, timestamp}}.
import readline from 'node:readline'
import { calcPrice } from '@pydantic/genai-prices'

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { usage, model, options } = JSON.parse(line)
  const answer = {}
  try {
    const r = calcPrice(usage, model, { ...options, timestamp: new Date(options.timestamp) })
    if (r) Object.assign(answer, { usd: r.total_price, provider: r.provider.id, model: r.model.id, prices: r.model_price })
  } catch (e) {
    answer.error = e.message
  }
  console.log(JSON.stringify(answer))
}
