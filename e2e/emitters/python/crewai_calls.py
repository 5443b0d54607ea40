import contextlib
import os

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", CREWAI_TRACING_ENABLED="false", CREWAI_DISABLE_TRACKING="true", OTEL_SDK_DISABLED="false")
import common  # noqa: E402

provider = common.tracing()
from openinference.instrumentation.crewai import CrewAIInstrumentor  # noqa: E402
from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: E402

CrewAIInstrumentor().instrument(tracer_provider=provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)
from crewai import LLM, Agent, Crew, Task  # noqa: E402
from crewai.tools import tool  # noqa: E402


@tool("weather")
def weather(city: str) -> str:
    """The weather of a city."""
    return common.WEATHER


def llm(kind, **more):
    return LLM(model="openai/gpt-4o-" + kind, max_retries=0, **more)


for kind in ("plain", "cached", "reasoning"):
    llm(kind).call("say hello")
for kind in ("401", "429", "500"):
    with contextlib.suppress(Exception):
        llm(kind).call("say hello")
common.parallel(lambda: llm("parallel").call("say hello"))
for kind, tools in (("crew-plain", []), ("tools", [weather])):
    one = Agent(role="helper", goal="help", backstory="a helper", llm=llm(kind), tools=tools, max_retry_limit=0)
    Crew(agents=[one], tasks=[Task(description="say hello", expected_output="hello", agent=one)]).kickoff()
provider.shutdown()
