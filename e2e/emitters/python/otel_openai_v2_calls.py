import common

provider = common.tracing()
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor  # noqa: E402

OpenAIInstrumentor().instrument()
common.openai_calls()
provider.shutdown()
