import common
import logfire

logfire.configure(send_to_logfire=False, console=False, service_name="logfire")
logfire.instrument_openai()
logfire.instrument_anthropic()
common.openai_calls()
common.anthropic_calls()
logfire.shutdown()
