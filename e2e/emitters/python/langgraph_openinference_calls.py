import common

provider = common.tracing()
from openinference.instrumentation.langchain import LangChainInstrumentor  # noqa: E402

LangChainInstrumentor().instrument()
import langchain_calls  # noqa: E402

langchain_calls.run()
provider.shutdown()
