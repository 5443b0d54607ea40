import contextlib

import common

provider = common.tracing()
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor  # noqa: E402

LlamaIndexInstrumentor().instrument(tracer_provider=provider)
import asyncio  # noqa: E402

from llama_index.core.agent.workflow import FunctionAgent  # noqa: E402
from llama_index.core.llms import ChatMessage  # noqa: E402
from llama_index.embeddings.openai import OpenAIEmbedding  # noqa: E402
from llama_index.llms.anthropic import Anthropic  # noqa: E402
from llama_index.llms.openai import OpenAI  # noqa: E402
from llama_index.llms.openai.utils import ALL_AVAILABLE_MODELS, CHAT_MODELS  # noqa: E402

ask = [ChatMessage(role="user", content="say hello")]


def models(kind):
    name = "gpt-4o-" + kind
    ALL_AVAILABLE_MODELS[name] = CHAT_MODELS[name] = 128000
    yield OpenAI(model=name, max_retries=0, additional_kwargs={"stream_options": {"include_usage": True}} if "stream" in kind else {})
    from llama_index.llms.anthropic import utils

    utils.CLAUDE_MODELS["claude-sonnet-4-5-" + kind] = 200000
    yield Anthropic(model="claude-sonnet-4-5-" + kind, max_retries=0)


for kind in ("plain", "cached", "reasoning"):
    for model in models(kind):
        model.chat(ask)
    for model in models("stream-" + kind):
        common.drain(model.stream_chat(ask))
for kind in ("401", "429", "500"):
    for model in models(kind):
        common.failing(lambda: model.chat(ask))
for model in models("stream-cut"):
    with contextlib.suppress(Exception):
        common.drain(model.stream_chat(ask))
for model in models("parallel"):
    common.parallel(lambda: model.chat(ask))
OpenAIEmbedding(model_name="text-embedding-3-small", model="text-embedding-3-small").get_text_embedding("say hello")


def weather(city: str) -> str:
    """The weather of a city."""
    return common.WEATHER


async def agents():
    for model in models("stream-tools"):
        await FunctionAgent(tools=[weather], llm=model).run("say hello")


asyncio.run(agents())
provider.shutdown()
