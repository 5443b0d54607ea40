import { createOpenAI } from '@ai-sdk/openai'
import { OpenTelemetry } from '@ai-sdk/otel'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { generateText, registerTelemetry, streamText } from 'ai'

const sdk = new NodeSDK({ serviceName: 'my-app', traceExporter: new OTLPTraceExporter() })
sdk.start()
registerTelemetry(new OpenTelemetry())

const openai = createOpenAI() // OPENAI_BASE_URL, OPENAI_API_KEY
const { text } = await generateText({ model: openai('gpt-5'), prompt: 'say hello' })
console.log(text)
const stream = streamText({ model: openai.chat('gpt-4o'), prompt: 'say hello again' })
for await (const part of stream.textStream) process.stdout.write(part)
await sdk.shutdown()
