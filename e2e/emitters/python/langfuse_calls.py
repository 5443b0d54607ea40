import asyncio
import contextlib
import os

import common

os.environ.update(LANGFUSE_PUBLIC_KEY="pk-lf-test", LANGFUSE_SECRET_KEY="sk-lf-test", LANGFUSE_BASE_URL=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])
from langfuse import get_client  # noqa: E402
from langfuse.openai import openai  # noqa: E402

client = openai.OpenAI(max_retries=0)
ask = [{"role": "user", "content": "say hello"}]


def chat(model, **more):
    return client.chat.completions.create(model=model, messages=ask, **more)


for kind in ("plain", "cached", "reasoning"):
    chat("gpt-4o-" + kind)
    common.drain(chat("gpt-4o-stream-" + kind, stream=True, stream_options={"include_usage": True}))
    client.responses.create(model="gpt-4o-responses-" + kind, input="say hello")
    common.drain(client.responses.create(model="gpt-4o-responses-stream-" + kind, input="say hello", stream=True))
common.drain(chat("gpt-4o-stream-untold", stream=True))
for status in ("401", "429", "500"):
    common.failing(lambda: chat("gpt-4o-" + status))
with contextlib.suppress(Exception):
    common.drain(chat("gpt-4o-stream-cut", stream=True, stream_options={"include_usage": True}))
client.embeddings.create(model="text-embedding-3-small", input="say hello")
common.parallel(lambda: chat("gpt-4o-parallel"))
chat("gpt-4o-tools", tools=[{"type": "function", "function": common.TOOL}])


async def several():
    async with openai.AsyncOpenAI(max_retries=0) as aclient:
        await asyncio.gather(*(aclient.chat.completions.create(model="gpt-4o-async-parallel", messages=ask) for _ in range(4)))


asyncio.run(several())
get_client().shutdown()
