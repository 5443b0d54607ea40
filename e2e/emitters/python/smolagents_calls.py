import contextlib

import common

provider = common.tracing()
from openinference.instrumentation.smolagents import SmolagentsInstrumentor  # noqa: E402

SmolagentsInstrumentor().instrument(tracer_provider=provider)
import smolagents  # noqa: E402

ask = [smolagents.ChatMessage(role="user", content="say hello")]


def models(kind):
    yield smolagents.OpenAIModel("gpt-4o-" + kind, client_kwargs={"max_retries": 0}, retry=False)
    yield smolagents.LiteLLMModel("anthropic/claude-sonnet-4-5-" + kind, num_retries=0, retry=False)


for kind in ("plain", "cached", "reasoning"):
    for model in models(kind):
        model.generate(ask)
    for model in models("stream-" + kind):
        common.drain(model.generate_stream(ask))
for kind in ("401", "500"):
    for model in models(kind):
        common.failing(lambda: model.generate(ask))
for model in models("parallel"):
    common.parallel(lambda: model.generate(ask))


@smolagents.tool
def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: its name
    """
    return common.WEATHER


for model in models("tools"):
    with contextlib.suppress(Exception):
        smolagents.ToolCallingAgent([weather], model, max_steps=2).run("say hello")
provider.shutdown()
