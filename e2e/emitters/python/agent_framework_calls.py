import asyncio

import common

provider = common.tracing()
import openai  # noqa: E402
from agent_framework import Agent  # noqa: E402
from agent_framework.observability import enable_instrumentation  # noqa: E402
from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient  # noqa: E402

enable_instrumentation()


async def main():
    client = openai.AsyncOpenAI(max_retries=0)

    def agents(kind, **more):
        yield Agent(OpenAIChatCompletionClient(model="gpt-4o-" + kind, async_client=client), **more)
        yield Agent(OpenAIChatClient(model="gpt-4o-responses-" + kind, async_client=client), **more)

    for kind in ("plain", "cached", "reasoning"):
        for agent in agents(kind):
            await agent.run("say hello")
        for agent in agents("stream-" + kind):
            async for _ in agent.run("say hello", stream=True):
                pass
    for kind in ("401", "429", "500", "stream-cut"):
        for agent in agents(kind):
            try:
                async for _ in agent.run("say hello", stream=True):
                    pass
            except Exception:  # noqa: BLE001 it must fail
                continue
    for agent in agents("parallel"):
        await asyncio.gather(*(agent.run("say hello") for _ in range(4)))

    def weather(city: str) -> str:
        """The weather of a city."""
        return common.WEATHER

    for agent in agents("tools", tools=[weather]):
        await agent.run("say hello")
    # An agent that is the tool of another.
    for inner, agent in zip(agents("inner", name="weather", description="The weather of a city"), range(2)):
        outer = list(agents("agent", tools=[inner.as_tool()]))[agent]
        await outer.run("say hello")


asyncio.run(main())
provider.shutdown()
