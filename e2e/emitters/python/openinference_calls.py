import common

provider = common.tracing()
from openinference.instrumentation.anthropic import AnthropicInstrumentor  # noqa: E402
from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: E402

OpenAIInstrumentor().instrument()
AnthropicInstrumentor().instrument()
common.openai_calls()
common.anthropic_calls()
provider.shutdown()
