import asyncio
import contextlib

import common

provider = common.tracing()
from openinference.instrumentation.agno import AgnoInstrumentor  # noqa: E402

AgnoInstrumentor().instrument(tracer_provider=provider)
from agno.agent import Agent  # noqa: E402
from agno.models.anthropic import Claude  # noqa: E402
from agno.models.openai import OpenAIChat, OpenAIResponses  # noqa: E402


def models(kind):
    yield OpenAIChat(id="gpt-4o-" + kind, max_retries=0, retries=0)
    yield OpenAIResponses(id="gpt-4o-responses-" + kind, max_retries=0, retries=0)
    yield Claude(id="claude-sonnet-4-5-" + kind, retries=0, client_params={"max_retries": 0})


for kind in ("plain", "cached", "reasoning"):
    for model in models(kind):
        Agent(model=model, telemetry=False).run("say hello")
    for model in models("stream-" + kind):
        common.drain(Agent(model=model, telemetry=False).run("say hello", stream=True))
for kind in ("401", "429", "500"):
    for model in models(kind):
        with contextlib.suppress(Exception):  # it may report the error as an answer
            Agent(model=model, telemetry=False).run("say hello")
for model in models("stream-cut"):
    with contextlib.suppress(Exception):
        common.drain(Agent(model=model, telemetry=False).run("say hello", stream=True))
for model in models("parallel"):
    common.parallel(lambda: Agent(model=model, telemetry=False).run("say hello"))


def weather(city: str) -> str:
    """The weather of a city."""
    return common.WEATHER


for model in models("tools"):
    Agent(model=model, tools=[weather], telemetry=False).run("say hello")


async def several():
    for model in models("async-parallel"):
        await asyncio.gather(*(Agent(model=model, telemetry=False).arun("say hello") for _ in range(4)))


asyncio.run(several())
provider.shutdown()
