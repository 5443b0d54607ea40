import asyncio

import common

provider = common.tracing()
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor  # noqa: E402

OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
import openai  # noqa: E402
from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool  # noqa: E402



async def main():
    client = openai.AsyncOpenAI(max_retries=0)
    told = ModelSettings(include_usage=True)

    def agents(kind, **more):
        yield Agent(name="chat", model=OpenAIChatCompletionsModel("gpt-4o-" + kind, client), model_settings=told, **more)
        yield Agent(name="responses", model=OpenAIResponsesModel("gpt-4o-responses-" + kind, client), **more)

    for kind in ("plain", "cached", "reasoning"):
        for agent in agents(kind):
            await Runner.run(agent, "say hello")
        for agent in agents("stream-" + kind):
            async for _ in Runner.run_streamed(agent, "say hello").stream_events():
                pass
    for kind in ("401", "429", "500", "stream-cut"):
        for agent in agents(kind):
            try:
                async for _ in Runner.run_streamed(agent, "say hello").stream_events():
                    pass
            except Exception:  # noqa: BLE001 it must fail
                continue
    for agent in agents("parallel"):
        await asyncio.gather(*(Runner.run(agent, "say hello") for _ in range(4)))

    @function_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return common.WEATHER

    for agent in agents("tools", tools=[weather]):
        await Runner.run(agent, "say hello")
    # An agent that is the tool of another.
    for inner, agent in zip(agents("inner"), agents("agent")):
        agent.tools = [inner.as_tool(tool_name="weather", tool_description="The weather of a city")]
        await Runner.run(agent, "say hello")


asyncio.run(main())
provider.shutdown()
