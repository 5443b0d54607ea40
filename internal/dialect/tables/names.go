package tables

// Common are names that the tables ask nothing of, but that most spans have: their form is looked at once
// for all records.
var Common = []string{
	"gen_ai.request.max_tokens", "gen_ai.request.temperature", "gen_ai.request.top_p", "gen_ai.request.top_k", "gen_ai.request.frequency_penalty",
	"gen_ai.request.presence_penalty", "gen_ai.request.seed", "gen_ai.request.stop_sequences", "gen_ai.request.choice.count",
	"gen_ai.request.encoding_formats", "gen_ai.output.type", "gen_ai.agent.id", "gen_ai.agent.name", "gen_ai.tool.name", "gen_ai.tool.call.id",
	"gen_ai.tool.type", "gen_ai.data_source.id", "gen_ai.embeddings.dimension.count", "openai.request.service_tier",
	"openai.response.service_tier", "openai.response.system_fingerprint", "openai.api.type", "aws.bedrock.guardrail.id", "llm.invocation_parameters",
	"client.address", "client.port", "server.address", "server.port", "network.peer.address", "network.peer.port", "network.protocol.name",
	"network.protocol.version", "network.transport", "network.type", "url.scheme", "url.template", "user_agent.original", "http.scheme", "http.host",
	"http.user_agent", "http.flavor", "http.client_ip", "http.request.body.size", "http.response.body.size", "http.request.resend_count",
	"net.peer.name", "net.peer.port", "net.host.name", "net.host.port", "net.sock.peer.addr", "net.sock.peer.port", "net.protocol.version",
	"db.system", "db.system.name", "db.name", "db.namespace", "db.statement", "db.query.text", "db.query.summary", "db.operation", "db.operation.name",
	"db.collection.name", "db.sql.table", "db.user", "db.connection_string", "db.response.status_code", "rpc.system", "rpc.service", "rpc.method",
	"rpc.grpc.status_code", "messaging.system", "messaging.destination.name", "messaging.operation", "messaging.operation.name",
	"messaging.operation.type", "messaging.message.id", "messaging.batch.message_count", "thread.id", "thread.name", "code.function",
	"code.function.name", "code.namespace", "code.filepath", "code.file.path", "code.lineno", "code.line.number", "exception.type", "exception.message",
	"exception.stacktrace", "peer.service", "otel.status_code", "otel.status_description", "component",
}

// UsageAttributes are the beginnings of attribute names of which one is on every record that can be a call
// or a tool. Most spans of a busy pipeline have none and are let through at the cost of a look at their names.
var UsageAttributes = []string{
	"gen_ai.", "llm.", "ai.", "openinference.", "traceloop.", "langfuse.", "langsmith.", "mlflow.", "genkit:", "tokenboard.",
	"embedding.", "span.type", "input_token", "gcp.vertex", "event.name", "codex.", "haystack.", "braintrust.", "langwatch.", "lmnr.",
	"agentops.", "langtrace.", "input_tokens",
}

// UnevenHost begins the scopes of emitters that name the host on one signal only, so that it must
// not distinguish the processes.
var UnevenHost = []string{"codex"}

// Routed begins the scopes of emitters that name a model by LiteLLM's route to it, PROVIDER/MODEL
// (https://docs.litellm.ai/docs/providers). The provider before the model is no part of the model's name.
var Routed = []string{"openinference.instrumentation.litellm", "openinference.instrumentation.dspy", "openinference.instrumentation.smolagents"}

// OneSource begins the scopes of readers that report each call once, whichever process it was made in:
// no two of their records are one call, even where two proxies gave them the same short request id.
var OneSource = []string{"github.com/tokenboard/tokenboard/receiver/cliproxyreceiver"}

// ProcessAttributes distinguish one process from another.
var ProcessAttributes = []string{
	"service.name", "service.namespace", "service.instance.id", "host.id", "host.name", "process.pid", "k8s.pod.uid", "container.id",
}
