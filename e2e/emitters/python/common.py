"""Calls that scripts of several emitters make. The end of a model's name says what is tried: see provider_test.go."""

import asyncio
import concurrent.futures
import contextlib

TOOL = {"name": "weather", "description": "The weather of a city", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
WEATHER = "sunny"


def tracing():
    """Starts an OpenTelemetry SDK that exports over OTLP/HTTP, and gives its provider."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def failing(call):
    """Makes a call that must fail."""
    try:
        call()
    except Exception:  # noqa: BLE001 each library has its own
        return
    raise SystemExit("a call did not fail")


def drain(stream):
    for _ in stream:
        pass


def parallel(call, n=4):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        list(pool.map(lambda _: call(), range(n)))


def openai_calls():
    """Every kind of call of the openai package."""
    import openai

    client = openai.OpenAI(max_retries=0)
    ask = [{"role": "user", "content": "say hello"}]

    def chat(model, **more):
        return client.chat.completions.create(model=model, messages=ask, **more)

    for kind in ("plain", "cached", "reasoning"):
        chat("gpt-4o-" + kind)
        drain(chat("gpt-4o-stream-" + kind, stream=True, stream_options={"include_usage": True}))
        client.responses.create(model="gpt-4o-responses-" + kind, input="say hello")
        drain(client.responses.create(model="gpt-4o-responses-stream-" + kind, input="say hello", stream=True))
    drain(chat("gpt-4o-stream-untold", stream=True))
    for status in ("401", "429", "500"):
        failing(lambda: chat("gpt-4o-" + status))
    failing(lambda: client.responses.create(model="gpt-4o-responses-429", input="say hello"))
    with contextlib.suppress(Exception):
        drain(chat("gpt-4o-stream-cut", stream=True, stream_options={"include_usage": True}))
    client.embeddings.create(model="text-embedding-3-small", input="say hello")
    parallel(lambda: chat("gpt-4o-parallel"))
    messages = list(ask)
    tools = [{"type": "function", "function": TOOL}]
    for _ in range(4):
        said = client.chat.completions.create(model="gpt-4o-tools", messages=messages, tools=tools).choices[0].message
        if not said.tool_calls:
            break
        messages.append(said.model_dump(exclude_none=True))
        messages += [{"role": "tool", "tool_call_id": c.id, "content": WEATHER} for c in said.tool_calls]

    async def several():
        async with openai.AsyncOpenAI(max_retries=0) as aclient:
            await asyncio.gather(*(aclient.chat.completions.create(model="gpt-4o-async-parallel", messages=ask) for _ in range(4)))

    asyncio.run(several())


def anthropic_calls():
    """Every kind of call of the anthropic package."""
    import anthropic

    client = anthropic.Anthropic(max_retries=0)
    ask = [{"role": "user", "content": "say hello"}]

    def message(model, **more):
        return client.messages.create(model=model, max_tokens=4096, messages=ask, **more)

    for kind in ("plain", "cached", "reasoning"):
        message("claude-sonnet-4-5-" + kind)
        drain(message("claude-sonnet-4-5-create-stream-" + kind, stream=True))
        with client.messages.stream(model="claude-sonnet-4-5-stream-" + kind, max_tokens=4096, messages=ask) as stream:
            drain(stream.text_stream)
            stream.get_final_message()
    for status in ("401", "429", "500"):
        failing(lambda: message("claude-sonnet-4-5-" + status))
    with contextlib.suppress(Exception):
        drain(message("claude-sonnet-4-5-stream-cut", stream=True))
    parallel(lambda: message("claude-sonnet-4-5-parallel"))
    messages = list(ask)
    tools = [{"name": TOOL["name"], "description": TOOL["description"], "input_schema": TOOL["parameters"]}]
    for _ in range(4):
        said = client.messages.create(model="claude-sonnet-4-5-tools", max_tokens=4096, messages=messages, tools=tools)
        if said.stop_reason != "tool_use":
            break
        messages.append({"role": "assistant", "content": [{"type": b.type, "id": b.id, "name": b.name, "input": b.input} for b in said.content]})
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": b.id, "content": WEATHER} for b in said.content]})

    async def several():
        async with anthropic.AsyncAnthropic(max_retries=0) as aclient:
            await asyncio.gather(*(aclient.messages.create(model="claude-sonnet-4-5-async-parallel", max_tokens=64, messages=ask) for _ in range(4)))

    asyncio.run(several())


def gemini_calls():
    """Every kind of call of the google-genai package."""
    import os

    from google import genai

    client = genai.Client(api_key="test", http_options={"base_url": os.environ["PROVIDER"]})
    for kind in ("plain", "cached", "reasoning"):
        client.models.generate_content(model="gemini-2.5-flash-" + kind, contents="say hello")
        drain(client.models.generate_content_stream(model="gemini-2.5-flash-stream-" + kind, contents="say hello"))
    for status in ("401", "429", "500"):
        failing(lambda: client.models.generate_content(model="gemini-2.5-flash-" + status, contents="say hello"))
    with contextlib.suppress(Exception):
        drain(client.models.generate_content_stream(model="gemini-2.5-flash-stream-cut", contents="say hello"))
    parallel(lambda: client.models.generate_content(model="gemini-2.5-flash-parallel", contents="say hello"))

    def weather(city: str) -> str:
        """The weather of a city."""
        return WEATHER

    client.models.generate_content(model="gemini-2.5-flash-tools", contents="say hello", config={"tools": [weather]})
