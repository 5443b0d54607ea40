import os
import common
from traceloop.sdk import Traceloop

Traceloop.init(app_name="langgraph", api_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], telemetry_enabled=False)
import langchain_calls  # noqa: E402

langchain_calls.run()
