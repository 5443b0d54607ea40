import os

os.environ.update(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces",
                  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf", MLFLOW_TRACKING_URI="sqlite:///mlflow.db")
import common  # noqa: E402
import mlflow  # noqa: E402

mlflow.openai.autolog()
mlflow.anthropic.autolog()
common.openai_calls()
common.anthropic_calls()
mlflow.flush_trace_async_logging()
