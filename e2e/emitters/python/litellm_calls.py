import common

provider = common.tracing()
from openinference.instrumentation.litellm import LiteLLMInstrumentor  # noqa: E402

LiteLLMInstrumentor().instrument()
import litellm_common  # noqa: E402

litellm_common.run()
provider.shutdown()
