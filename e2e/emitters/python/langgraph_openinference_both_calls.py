import common

provider = common.tracing()
from openinference.instrumentation.anthropic import AnthropicInstrumentor  # noqa: E402
from openinference.instrumentation.langchain import LangChainInstrumentor  # noqa: E402
from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: E402

LangChainInstrumentor().instrument()
OpenAIInstrumentor().instrument()
AnthropicInstrumentor().instrument()
import langchain_calls  # noqa: E402

langchain_calls.run()
provider.shutdown()
