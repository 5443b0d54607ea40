import asyncio
import common

provider = common.tracing()
import anthropic  # noqa: E402
import openai  # noqa: E402
from pydantic_ai import Agent  # noqa: E402
from pydantic_ai.models.anthropic import AnthropicModel  # noqa: E402
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel  # noqa: E402
from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: E402
from pydantic_ai.providers.openai import OpenAIProvider  # noqa: E402

Agent.instrument_all()


async def main():
    to_openai = OpenAIProvider(openai_client=openai.AsyncOpenAI(max_retries=0))
    to_anthropic = AnthropicProvider(anthropic_client=anthropic.AsyncAnthropic(max_retries=0))

    def models(kind):
        yield OpenAIChatModel("gpt-4o-" + kind, provider=to_openai)
        yield OpenAIResponsesModel("gpt-4o-responses-" + kind, provider=to_openai)
        yield AnthropicModel("claude-sonnet-4-5-" + kind, provider=to_anthropic)

    for kind in ("plain", "cached", "reasoning"):
        for model in models(kind):
            await Agent(model).run("say hello")
        for model in models("stream-" + kind):
            async with Agent(model).run_stream("say hello") as result:
                await result.get_output()
    for kind in ("401", "429", "500", "stream-cut"):
        for model in models(kind):
            try:
                if kind == "stream-cut":
                    async with Agent(model).run_stream("say hello") as result:
                        await result.get_output()
                else:
                    await Agent(model).run("say hello")
            except Exception:  # noqa: BLE001 it must fail
                continue
    for model in models("parallel"):
        await asyncio.gather(*(Agent(model).run("say hello") for _ in range(4)))

    def weather(city: str) -> str:
        """The weather of a city."""
        return common.WEATHER

    for model in models("tools"):
        await Agent(model, tools=[weather]).run("say hello")
    # An agent that is the tool of another.
    for model, inner in zip(models("agent"), models("inner-tools")):
        async def weather(city: str) -> str:
            """The weather of a city."""
            return (await Agent(inner).run("what is the weather?")).output

        await Agent(model, tools=[weather]).run("say hello")


asyncio.run(main())
provider.shutdown()
