import asyncio
import contextlib

import common

provider = common.tracing()
from openinference.instrumentation.dspy import DSPyInstrumentor  # noqa: E402
from openinference.instrumentation.litellm import LiteLLMInstrumentor  # noqa: E402

DSPyInstrumentor().instrument(tracer_provider=provider)
LiteLLMInstrumentor().instrument(tracer_provider=provider)
import dspy  # noqa: E402


def models(kind):
    yield dspy.LM("openai/gpt-4o-" + kind, cache=False, num_retries=0)
    yield dspy.LM("anthropic/claude-sonnet-4-5-" + kind, cache=False, num_retries=0, max_tokens=4096)


for kind in ("plain", "cached", "reasoning"):
    for model in models(kind):
        model("say hello")
for kind in ("401", "429", "500"):
    for model in models(kind):
        common.failing(lambda: model("say hello"))
for model in models("parallel"):
    common.parallel(lambda: model("say hello"))


async def several():
    for model in models("async-parallel"):
        await asyncio.gather(*(model.acall("say hello") for _ in range(4)))


asyncio.run(several())
for model in models("predict"):
    with dspy.context(lm=model), contextlib.suppress(Exception):  # the answer is not in the form that it asks for
        dspy.Predict("question -> answer")(question="say hello")
provider.shutdown()
