// Calls the proxy with the official SDKs, as applications do: whole, streamed, failing, given up.
// PROXY is its address, KEYS two client keys with a comma between. Prints what the SDKs received.
import Anthropic from '@anthropic-ai/sdk'
import OpenAI, { toFile } from 'openai'

const received = []
const note = (api, model, usage) => received.push({ api, model, usage })

async function failing(call, status) {
  try {
    await call()
  } catch (e) {
    if (e.status === status) return
    throw e
  }
  throw new Error(`no error ${status}`)
}

async function openai(apiKey) {
  const client = new OpenAI({ baseURL: `${process.env.PROXY}/v1`, apiKey, maxRetries: 0 })
  const messages = [{ role: 'user', content: `say hello to ${apiKey.slice(-4)}` }]
  const chat = { model: 'gpt-4o', messages }

  const whole = await client.chat.completions.create(chat)
  note('chat', whole.model, whole.usage)

  let last
  for await (const chunk of await client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } })) last = chunk
  note('chat', last.model, last.usage)

  for await (const chunk of await client.chat.completions.create({ ...chat, stream: true })) last = chunk
  if (last.usage) throw new Error('usage that nobody asked for')

  const response = await client.responses.create({ model: 'gpt-5', input: 'hello' })
  note('responses', response.model, response.usage)
  for await (const event of await client.responses.create({ model: 'gpt-5', input: 'hello', stream: true })) {
    if (event.type === 'response.completed') note('responses', event.response.model, event.response.usage)
  }

  const vectors = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'], encoding_format: 'float' })
  note('embeddings', vectors.model, vectors.usage)

  await failing(() => client.chat.completions.create(chat, { headers: { 'X-Fake-Status': '429' } }), 429)

  const slow = await client.chat.completions.create({ ...chat, stream: true }, { headers: { 'X-Fake-Delay': '500ms' } })
  for await (const _ of slow) break // gives the stream up
}

// Images, sound, judgements and batches.
async function media(apiKey) {
  const client = new OpenAI({ baseURL: `${process.env.PROXY}/v1`, apiKey, maxRetries: 0 })
  const prompt = `a picture for ${apiKey.slice(-4)}`
  const file = (name, type) => toFile(Buffer.from(`not really ${type}\r\n--`), name, { type })

  const image = await client.images.generate({ model: 'gpt-image-1', prompt })
  note('images', 'gpt-image-1', image.usage)
  const edited = await client.images.edit({ model: 'gpt-image-1', prompt, image: await file('a.png', 'image/png') })
  note('images', 'gpt-image-1', edited.usage)
  for await (const event of await client.images.generate({ model: 'gpt-image-1', prompt, stream: true, partial_images: 1 })) {
    if (event.type === 'image_generation.completed') note('images', 'gpt-image-1', event.usage)
  }
  await client.images.generate({ model: 'dall-e-3', prompt })

  const heard = await client.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: await file('a.mp3', 'audio/mpeg') })
  note('transcriptions', 'gpt-4o-transcribe', heard.usage)
  for await (const event of await client.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: await file('b.mp3', 'audio/mpeg'), stream: true })) {
    if (event.type === 'transcript.text.done') note('transcriptions', 'gpt-4o-transcribe', event.usage)
  }
  await client.audio.transcriptions.create({ model: 'whisper-1', file: await file('a.mp3', 'audio/mpeg') })
  await client.audio.translations.create({ model: 'whisper-1', file: await file('a.mp3', 'audio/mpeg') })
  const said = { input: 'hello', voice: 'alloy' }
  await (await client.audio.speech.create({ ...said, model: 'tts-1' })).arrayBuffer()
  const spoken = await (await client.audio.speech.create({ ...said, model: 'gpt-4o-mini-tts', stream_format: 'sse' })).text()
  note('speech', 'gpt-4o-mini-tts', JSON.parse(spoken.trim().split('\n').at(-1).slice('data: '.length)).usage)

  await client.moderations.create({ model: 'omni-moderation-latest', input: prompt })
  const batch = await client.batches.create({ input_file_id: 'file-1', endpoint: '/v1/chat/completions', completion_window: '24h' })
  let done
  for (let i = 0; i < 3; i++) done = await client.batches.retrieve(batch.id)
  note('batches', done.model, done.usage)
}

async function anthropic(apiKey) {
  const client = new Anthropic({ baseURL: process.env.PROXY, apiKey, maxRetries: 0 })
  const ask = { model: 'claude-sonnet-4-5', max_tokens: 100, messages: [{ role: 'user', content: `hello from ${apiKey.slice(-4)}` }] }

  const whole = await client.messages.create(ask)
  note('messages', whole.model, whole.usage)
  const streamed = await client.messages.stream({ ...ask, model: 'claude-opus-4-1' }).finalMessage()
  note('messages', streamed.model, streamed.usage)
  for await (const _ of await client.messages.create({ ...ask, stream: true }));

  const counted = await client.messages.countTokens({ model: ask.model, messages: ask.messages })
  if (!(counted.input_tokens > 0)) throw new Error('nothing counted')
  await client.messages.batches.create({ requests: [{ custom_id: 'a', params: ask }] })
  await failing(() => client.messages.create(ask, { headers: { 'X-Fake-Status': '529' } }), 529)
}

for (const key of process.env.KEYS.split(',')) await Promise.all([openai(key), anthropic(key), media(key)])
console.log(JSON.stringify(received))
