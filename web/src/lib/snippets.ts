// Ready lines to paste.
import type { Endpoint, Endpoints } from "./endpoints";

const exporter = (e: Endpoint): string => `export OTEL_EXPORTER_OTLP_PROTOCOL=${e.protocol === "http" ? "http/protobuf" : "grpc"}
export OTEL_EXPORTER_OTLP_ENDPOINT=${e.url}${e.auth ? `
export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20YOUR_TOKEN"` : ""}`;

const anyOf = (e: Endpoints): Endpoint => (e.http ?? e.grpc)!;

export const snippets = {
  claude: (e: Endpoints) => `export CLAUDE_CODE_ENABLE_TELEMETRY=1
export OTEL_LOGS_EXPORTER=otlp
export OTEL_METRICS_EXPORTER=otlp
${exporter(anyOf(e))}
claude`,
  sdk: (e: Endpoints) => `export OTEL_SERVICE_NAME=my-app
${exporter(anyOf(e))}`,
  cliproxy: () => `receivers:
  cliproxy:
    storage: file_storage
    proxies:
      - endpoint: http://127.0.0.1:8317
        management_key: \${env:CPA_MANAGEMENT_KEY}
        enable_usage_statistics: true
service:
  pipelines:
    traces:
      receivers: [otlp, cliproxy]`,
  curl: (e: Endpoints) => {
    const now = Date.now();
    return `curl -sS ${e.http!.url}/v1/traces -H 'Content-Type: application/json'${e.http!.auth ? " -H 'Authorization: Bearer YOUR_TOKEN'" : ""} -d '{"resourceSpans":[{"resource":{"attributes":[
 {"key":"service.name","value":{"stringValue":"first-try"}}]},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
 "spanId":"eee19b7ec3c1b174","name":"chat gpt-4o","kind":3,"startTimeUnixNano":"${now - 1200}000000","endTimeUnixNano":"${now}000000","attributes":[
 {"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},
 {"key":"gen_ai.response.model","value":{"stringValue":"gpt-4o"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1200"}},
 {"key":"gen_ai.usage.output_tokens","value":{"intValue":"300"}}]}]}]}]}'`;
  },
} as const;

/** How a client uses a key at a proxy. */
export const keySnippets = {
  curl: (url: string, key: string) => `curl -sS ${url}/chat/completions \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`,
  openai: (url: string, key: string) => `from openai import OpenAI

client = OpenAI(base_url="${url}", api_key="${key}")
answer = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
print(answer.choices[0].message.content)`,
  anthropic: (url: string, key: string) => `from anthropic import Anthropic

client = Anthropic(base_url="${url.replace(/\/v1\/?$/, "")}", auth_token="${key}")
answer = client.messages.create(
    model="claude-sonnet-4-5", max_tokens=256, messages=[{"role": "user", "content": "Hello"}])
print(answer.content[0].text)`,
  env: (url: string, key: string) => `export OPENAI_BASE_URL=${url}
export OPENAI_API_KEY=${key}
export ANTHROPIC_BASE_URL=${url.replace(/\/v1\/?$/, "")}
export ANTHROPIC_AUTH_TOKEN=${key}`,
} as const;
