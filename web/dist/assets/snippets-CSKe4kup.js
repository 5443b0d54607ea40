var e=()=>location.hostname||`localhost`,t={claude:()=>`export CLAUDE_CODE_ENABLE_TELEMETRY=1
export OTEL_LOGS_EXPORTER=otlp
export OTEL_METRICS_EXPORTER=otlp
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${e()}:4318
claude`,sdk:()=>`export OTEL_SERVICE_NAME=my-app
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${e()}:4318`,cliproxy:()=>`receivers:
  cliproxy:
    storage: file_storage
    proxies:
      - endpoint: http://127.0.0.1:8317
        management_key: \${env:CPA_MANAGEMENT_KEY}
        enable_usage_statistics: true
service:
  pipelines:
    traces:
      receivers: [otlp, cliproxy]`,curl:()=>{let t=Date.now();return`curl -sS http://${e()}:4318/v1/traces -H 'Content-Type: application/json' -d '{"resourceSpans":[{"resource":{"attributes":[
 {"key":"service.name","value":{"stringValue":"first-try"}}]},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
 "spanId":"eee19b7ec3c1b174","name":"chat gpt-4o","kind":3,"startTimeUnixNano":"${t-1200}000000","endTimeUnixNano":"${t}000000","attributes":[
 {"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},
 {"key":"gen_ai.response.model","value":{"stringValue":"gpt-4o"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1200"}},
 {"key":"gen_ai.usage.output_tokens","value":{"intValue":"300"}}]}]}]}]}'`}},n={curl:(e,t)=>`curl -sS ${e}/chat/completions \\
  -H "Authorization: Bearer ${t}" \\
  -H "Content-Type: application/json" \\
  -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`,openai:(e,t)=>`from openai import OpenAI

client = OpenAI(base_url="${e}", api_key="${t}")
answer = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
print(answer.choices[0].message.content)`,anthropic:(e,t)=>`from anthropic import Anthropic

client = Anthropic(base_url="${e.replace(/\/v1\/?$/,``)}", auth_token="${t}")
answer = client.messages.create(
    model="claude-sonnet-4-5", max_tokens=256, messages=[{"role": "user", "content": "Hello"}])
print(answer.content[0].text)`,env:(e,t)=>`export OPENAI_BASE_URL=${e}
export OPENAI_API_KEY=${t}
export ANTHROPIC_BASE_URL=${e.replace(/\/v1\/?$/,``)}
export ANTHROPIC_AUTH_TOKEN=${t}`};export{t as n,n as t};