import common
from traceloop.sdk import Traceloop
import os

Traceloop.init(app_name="openllmetry", api_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], telemetry_enabled=False)
common.openai_calls()
common.anthropic_calls()
common.gemini_calls()
Traceloop.flush() if hasattr(Traceloop, "flush") else None
