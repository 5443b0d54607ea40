import common
import openlit
import os

openlit.init(otlp_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], application_name="openlit", disable_metrics=True)
common.openai_calls()
common.anthropic_calls()
