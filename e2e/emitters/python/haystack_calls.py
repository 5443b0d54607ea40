import contextlib

import common

provider = common.tracing()
from openinference.instrumentation.haystack import HaystackInstrumentor  # noqa: E402

HaystackInstrumentor().instrument(tracer_provider=provider)
from haystack import Pipeline  # noqa: E402
from haystack.components.agents import Agent  # noqa: E402
from haystack.components.embedders import OpenAITextEmbedder  # noqa: E402
from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator  # noqa: E402
from haystack.dataclasses import ChatMessage  # noqa: E402
from haystack.tools import tool  # noqa: E402

ask = [ChatMessage.from_user("say hello")]


def run(component):
    p = Pipeline()
    p.add_component("llm", component)
    p.run({"llm": {"messages": ask}})


def models(kind):
    more = {"streaming_callback": lambda chunk: None} if "stream" in kind else {}
    told = {"generation_kwargs": {"stream_options": {"include_usage": True}}} if more else {}
    yield OpenAIChatGenerator(model="gpt-4o-" + kind, max_retries=0, **more, **told)
    yield OpenAIResponsesChatGenerator(model="gpt-4o-responses-" + kind, max_retries=0, **more)


for kind in ("plain", "cached", "reasoning", "stream-plain", "stream-cached", "stream-reasoning"):
    for model in models(kind):
        run(model)
for kind in ("401", "429", "500"):
    for model in models(kind):
        common.failing(lambda: run(model))
for model in models("stream-cut"):
    with contextlib.suppress(Exception):
        run(model)
for i in range(2):
    common.parallel(lambda: run(list(models("parallel"))[i]))
p = Pipeline()
p.add_component("embedder", OpenAITextEmbedder(model="text-embedding-3-small"))
p.run({"embedder": {"text": "say hello"}})


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return common.WEATHER


for model in models("tools"):
    run(Agent(chat_generator=model, tools=[weather]))
provider.shutdown()
