import asyncio

import common

provider = common.tracing()
from autogen_agentchat.agents import AssistantAgent  # noqa: E402
from autogen_ext.models.openai import OpenAIChatCompletionClient  # noqa: E402

INFO = {"vision": False, "function_calling": True, "json_output": False, "family": "gpt-4o", "structured_output": False}


async def main():
    for kind in ("plain", "cached", "tools"):
        client = OpenAIChatCompletionClient(model="gpt-4o-" + kind, model_info=INFO, max_retries=0)

        def weather(city: str) -> str:
            """The weather of a city."""
            return common.WEATHER

        agent = AssistantAgent("agent", model_client=client, tools=[weather] if kind == "tools" else [])
        await agent.run(task="say hello")


asyncio.run(main())
provider.shutdown()
