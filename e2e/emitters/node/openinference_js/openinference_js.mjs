import { AnthropicInstrumentation } from '@arizeai/openinference-instrumentation-anthropic'
import { OpenAIInstrumentation } from '@arizeai/openinference-instrumentation-openai'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { NodeSDK } from '@opentelemetry/sdk-node'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'

// The instrumentation reads a copy of a stream, and leaves the error of one that broke to nobody.
process.on('unhandledRejection', () => {})
process.on('uncaughtException', () => {})
const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter() })
sdk.start()
const [forOpenAI, forAnthropic] = [new OpenAIInstrumentation(), new AnthropicInstrumentation()]
forOpenAI.manuallyInstrument(OpenAI)
forAnthropic.manuallyInstrument(Anthropic)

const openai = new OpenAI({ maxRetries: 0 })
const anthropic = new Anthropic({ maxRetries: 0 })
const messages = [{ role: 'user', content: 'say hello' }]
const chat = (model, more) => openai.chat.completions.create({ model: 'gpt-4o-' + model, messages, ...more })
const message = (model, more) => anthropic.messages.create({ model: 'claude-sonnet-4-5-' + model, max_tokens: 4096, messages, ...more })
const respond = (model, more) => openai.responses.create({ model: 'gpt-4o-responses-' + model, input: 'say hello', ...more })
const drain = async stream => { for await (const _ of await stream); }
const may = call => call.catch(() => {})

for (const kind of ['plain', 'cached', 'reasoning']) {
  for (const ask of [chat, respond, message]) {
    await ask(kind)
    await drain(ask('stream-' + kind, ask === chat ? { stream: true, stream_options: { include_usage: true } } : { stream: true }))
  }
}
await drain(chat('stream-untold', { stream: true }))
for (const kind of ['401', '429', '500']) for (const ask of [chat, respond, message]) await may(ask(kind))
await may(drain(chat('stream-cut', { stream: true, stream_options: { include_usage: true } })))
await may(drain(message('stream-cut', { stream: true })))
await openai.embeddings.create({ model: 'text-embedding-3-small', input: 'say hello' })
for (const ask of [chat, respond, message]) await Promise.all([1, 2, 3, 4].map(() => ask('parallel')))
const weather = { name: 'weather', description: 'The weather of a city' }
const parameters = { type: 'object', properties: { city: { type: 'string' } } }
const said = await chat('tools', { tools: [{ type: 'function', function: { ...weather, parameters } }] })
const call = said.choices[0].message
await chat('tools', { messages: [...messages, call, { role: 'tool', tool_call_id: call.tool_calls[0].id, content: 'sunny' }] })
await message('tools', { tools: [{ ...weather, input_schema: parameters }] })
await sdk.shutdown()
