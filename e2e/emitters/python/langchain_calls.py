"""Calls through LangChain and LangGraph."""

import asyncio
import contextlib

import common


def run():
    from langchain.agents import create_agent
    from langchain_anthropic import ChatAnthropic
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

    def models(kind):
        yield ChatOpenAI(model="gpt-4o-" + kind, max_retries=0, stream_usage=True)
        yield ChatOpenAI(model="gpt-4o-responses-" + kind, max_retries=0, use_responses_api=True)
        yield ChatAnthropic(model="claude-sonnet-4-5-" + kind, max_retries=0, max_tokens=4096)

    for kind in ("plain", "cached", "reasoning"):
        for model in models(kind):
            model.invoke("say hello")
        for model in models("stream-" + kind):
            common.drain(model.stream("say hello"))
    for kind in ("401", "429", "500"):
        for model in models(kind):
            common.failing(lambda: model.invoke("say hello"))
    for model in models("stream-cut"):
        with contextlib.suppress(Exception):
            common.drain(model.stream("say hello"))
    for model in models("parallel"):
        model.batch(["say hello"] * 4)
    OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False).embed_query("say hello")

    async def several():
        for model in models("async-parallel"):
            await asyncio.gather(*(model.ainvoke("say hello") for _ in range(4)))

    asyncio.run(several())

    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return common.WEATHER

    ask = {"messages": [{"role": "user", "content": "say hello"}]}
    for model in models("tools"):
        create_agent(model, [weather]).invoke(ask)
    for model in models("stream-tools"):
        common.drain(create_agent(model, [weather]).stream(ask, stream_mode="messages"))
    # An agent that is the tool of another.
    for model, inner in zip(models("agent"), models("inner")):
        agent = create_agent(inner, [])

        @tool("weather")
        def ask_inner(city: str) -> str:
            """The weather of a city."""
            return str(agent.invoke(ask)["messages"][-1].content)

        create_agent(model, [ask_inner]).invoke(ask)
