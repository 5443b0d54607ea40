import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { OpenTelemetry } from '@ai-sdk/otel'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { embed, generateText, isStepCount, registerTelemetry, streamText, tool } from 'ai'
import { z } from 'zod'

const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter() })
sdk.start()
registerTelemetry(new OpenTelemetry({ usage: true }))

const openai = createOpenAI()
const anthropic = createAnthropic({ baseURL: process.env.PROVIDER + '/v1' })
const models = kind => [openai.chat('gpt-4o-' + kind), openai.responses('gpt-4o-responses-' + kind), anthropic('claude-sonnet-4-5-' + kind)]
const ask = (model, more) => generateText({ model, prompt: 'say hello', maxRetries: 0, ...more })
const stream = async (model, more) => {
  for await (const _ of streamText({ model, prompt: 'say hello', maxRetries: 0, onError() {}, ...more }).textStream);
}

for (const kind of ['plain', 'cached', 'reasoning']) {
  for (const model of models(kind)) await ask(model)
  for (const model of models('stream-' + kind)) await stream(model)
}
for (const kind of ['401', '429', '500']) for (const model of models(kind)) await ask(model).catch(() => {})
for (const model of models('stream-cut')) await stream(model).catch(() => {})
for (const model of models('parallel')) await Promise.all([1, 2, 3, 4].map(() => ask(model)))
const weather = tool({ description: 'The weather of a city', inputSchema: z.object({ city: z.string() }), execute: async () => 'sunny' })
for (const model of models('tools')) await ask(model, { tools: { weather }, stopWhen: isStepCount(4) })
for (const model of models('stream-tools')) await stream(model, { tools: { weather }, stopWhen: isStepCount(4) })
// An agent that is the tool of another.
const inner = models('inner')
for (const [i, model] of models('agent').entries()) {
  const nested = tool({ description: 'The weather of a city', inputSchema: z.object({ city: z.string() }), execute: async () => (await ask(inner[i])).text })
  await ask(model, { tools: { weather: nested }, stopWhen: isStepCount(4) })
}
await embed({ model: openai.embedding('text-embedding-3-small'), value: 'say hello', maxRetries: 0 })
await sdk.shutdown()
