import common

common.tracing()
from opentelemetry import trace  # noqa: E402
from strands import Agent, tool  # noqa: E402
from strands.models.anthropic import AnthropicModel  # noqa: E402
from strands.models.openai import OpenAIModel  # noqa: E402


def models(kind):
    yield OpenAIModel(model_id="gpt-4o-" + kind, client_args={"max_retries": 0})
    yield AnthropicModel(model_id="claude-sonnet-4-5-" + kind, max_tokens=4096, client_args={"max_retries": 0})


for kind in ("plain", "cached", "reasoning"):
    for model in models(kind):
        Agent(model, callback_handler=None)("say hello")
for kind in ("401", "500", "cut"):
    for model in models(kind):
        common.failing(lambda: Agent(model, callback_handler=None)("say hello"))
for i in range(2):  # a client belongs to one event loop, and each agent runs one of its own
    common.parallel(lambda: Agent(list(models("parallel"))[i], callback_handler=None)("say hello"))


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return common.WEATHER


for model in models("tools"):
    Agent(model, tools=[weather], callback_handler=None)("say hello")
for model, inner in zip(models("agent"), models("inner")):

    @tool(name="weather")
    def ask_inner(city: str) -> str:
        """The weather of a city."""
        return str(Agent(inner, callback_handler=None)("say hello"))

    Agent(model, tools=[ask_inner], callback_handler=None)("say hello")
trace.get_tracer_provider().shutdown()
