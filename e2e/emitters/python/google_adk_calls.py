import asyncio
import os

import common

provider = common.tracing()
from google.adk.agents import Agent  # noqa: E402
from google.adk.agents.run_config import RunConfig, StreamingMode  # noqa: E402
from google.adk.models import Gemini  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.adk.tools.agent_tool import AgentTool  # noqa: E402
from google.genai import types  # noqa: E402


async def run(agent, stream=False):
    runner = InMemoryRunner(agent)
    session = await runner.session_service.create_session(app_name=runner.app_name, user_id="u")
    config = RunConfig(streaming_mode=StreamingMode.SSE if stream else StreamingMode.NONE)
    ask = types.Content(role="user", parts=[types.Part(text="say hello")])
    async for _ in runner.run_async(user_id="u", session_id=session.id, new_message=ask, run_config=config):
        pass


def agent(kind, name="agent", **more):
    return Agent(name=name, model=Gemini(model="gemini-2.5-flash-" + kind, base_url=os.environ["PROVIDER"]), **more)


def weather(city: str) -> str:
    """The weather of a city."""
    return common.WEATHER


async def main():
    for kind in ("plain", "cached", "reasoning"):
        await run(agent(kind))
        await run(agent("stream-" + kind), stream=True)
    for kind in ("401", "429", "500"):
        try:
            await run(agent(kind))
        except Exception:  # noqa: BLE001 it must fail
            continue
    try:
        await run(agent("stream-cut"), stream=True)
    except Exception:  # noqa: BLE001 it may fail
        pass
    await asyncio.gather(*(run(agent("parallel")) for _ in range(4)))
    await run(agent("tools", tools=[weather]))
    # An agent that is the tool of another.
    await run(agent("agent", tools=[AgentTool(agent("inner", name="weather", description="The weather of a city"))]))


asyncio.run(main())
provider.shutdown()
