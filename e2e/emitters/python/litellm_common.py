"""Calls through LiteLLM as a library."""

import asyncio
import contextlib

import common


def run():
    import litellm

    litellm.suppress_debug_info = True
    ask = [{"role": "user", "content": "say hello"}]

    def chat(model, **more):
        return litellm.completion(model=model, messages=ask, num_retries=0, max_retries=0, **more)

    families = ("openai/gpt-4o-", "anthropic/claude-sonnet-4-5-")
    for family in families:
        for kind in ("plain", "cached", "reasoning"):
            chat(family + kind)
            common.drain(chat(family + "stream-" + kind, stream=True, stream_options={"include_usage": True}))
        for status in ("401", "429", "500"):
            common.failing(lambda: chat(family + status))
        with contextlib.suppress(Exception):
            common.drain(chat(family + "stream-cut", stream=True, stream_options={"include_usage": True}))
        common.parallel(lambda: chat(family + "parallel"))
        messages = list(ask)
        for _ in range(4):
            said = litellm.completion(model=family + "tools", messages=messages, tools=[{"type": "function", "function": common.TOOL}]).choices[0].message
            if not said.tool_calls:
                break
            messages.append(said.model_dump(exclude_none=True))
            messages += [{"role": "tool", "tool_call_id": c.id, "content": common.WEATHER} for c in said.tool_calls]

    async def several():
        for family in families:
            await asyncio.gather(*(litellm.acompletion(model=family + "async-parallel", messages=ask) for _ in range(4)))

    asyncio.run(several())
    litellm.responses(model="openai/gpt-4o-responses-plain", input="say hello")
    litellm.embedding(model="openai/text-embedding-3-small", input=["say hello"])
