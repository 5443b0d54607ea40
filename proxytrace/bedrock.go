package proxytrace

import (
	"net/http"
	"strings"
)

// converseUsage is https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html. Its input
// leaves the cache out, as Anthropic's does.
var converseUsage = table{
	"inputTokens": fInput, "outputTokens": fOutput, "totalTokens": fTotal,
	"cacheReadInputTokens": fCacheRead, "cacheWriteInputTokens": fCacheWrite,
}

// bedrockError are the names by which Bedrock's errors come in the body, beside their header.
var bedrockError = table{"__type": fErrorType}

// invokeUsage is what the bodies of models have: Anthropic's, Amazon's Nova and those that copied OpenAI.
var invokeUsage = table{
	"input_tokens": fInput, "output_tokens": fOutput, "cache_read_input_tokens": fCacheRead, "cache_creation_input_tokens": fCacheWrite,
	"cache_creation.ephemeral_5m_input_tokens": fCacheWrite5m, "cache_creation.ephemeral_1h_input_tokens": fCacheWrite1h,
	"inputTokens": fInput, "outputTokens": fOutput, "cacheReadInputTokenCount": fCacheRead, "cacheWriteInputTokenCount": fCacheWrite,
	"prompt_tokens": fInput, "completion_tokens": fOutput,
}

// invocationMetrics is what Bedrock itself adds to the last piece of a stream.
const invocationMetrics = "amazon-bedrock-invocationMetrics"

var (
	converseTree = tree(here, bedrockError, table{"stopReason": fFinish}, within("usage", converseUsage))

	invokeTree = tree([]string{"", "message."}, anthropicCommon, bedrockError, within("usage", invokeUsage), table{
		"type": fType, "delta.stop_reason": fFinish, "stopReason": fFinish,
		invocationMetrics: fMetrics, invocationMetrics + ".inputTokenCount": fInput, invocationMetrics + ".outputTokenCount": fOutput,
		invocationMetrics + ".cacheReadInputTokenCount": fCacheRead, invocationMetrics + ".cacheWriteInputTokenCount": fCacheWrite,
	})
)

// bedrockRule is Anthropic's: what the cache read and wrote is beside the input.
func bedrockRule(t *tokens, f *figures) { t.anthropic(f) }

var (
	converseFamily       = family{operation: "chat", provider: "aws.bedrock", answers: converseTree, rule: bedrockRule, merges: true}
	converseStreamFamily = family{operation: "chat", provider: "aws.bedrock", answers: converseTree, rule: bedrockRule, merges: true, streams: true}
	invokeFamily         = family{operation: "chat", provider: "aws.bedrock", answers: invokeTree, rule: bedrockRule, merges: true}
	invokeStreamFamily   = family{operation: "chat", provider: "aws.bedrock", answers: invokeTree, rule: bedrockRule, merges: true, streams: true}
)

// bedrockVerbs are the ends of Bedrock's paths, /model/{id}/{verb}.
var bedrockVerbs = map[string]API{
	"converse": BedrockConverse, "converse-stream": BedrockConverseStream,
	"invoke": BedrockInvoke, "invoke-with-response-stream": BedrockInvokeStream,
}

func recognizeBedrock(path string) API {
	if bedrockModel(path) == "" {
		return None
	}
	return bedrockVerbs[path[strings.LastIndexByte(path, '/')+1:]]
}

// bedrockModel gives the model of a path, which may be an ARN with slashes of its own; "" where the path is none of Bedrock's.
func bedrockModel(path string) string {
	rest, ok := strings.CutPrefix(path, "/model/")
	if !ok {
		if _, rest, ok = strings.Cut(path, "/bedrock/model/"); !ok {
			return ""
		}
	}
	i := strings.LastIndexByte(rest, '/')
	if i <= 0 {
		return ""
	}
	if verb := rest[i+1:]; verb != "count-tokens" && bedrockVerbs[verb] == None {
		return ""
	}
	return rest[:i]
}

// bedrockHeaders are the counts that InvokeModel sends beside any body.
var bedrockHeaders = []struct {
	name  string
	field field
}{
	{"X-Amzn-Bedrock-Input-Token-Count", fInput}, {"X-Amzn-Bedrock-Output-Token-Count", fOutput},
	{"X-Amzn-Bedrock-Cache-Read-Input-Token-Count", fCacheRead}, {"X-Amzn-Bedrock-Cache-Write-Input-Token-Count", fCacheWrite},
}

// headerFigures reads the counts of an answer's headers, which stand until the body says more.
func (a API) headerFigures(h http.Header) (f figures) {
	if a != BedrockInvoke {
		return f
	}
	for _, b := range bedrockHeaders {
		if v := h.Get(b.name); v != "" && len(v) <= maxCapture {
			f.set(b.field, []byte(v))
		}
	}
	return f
}

// bedrockID is where AWS sends the id of a request.
const bedrockID = "X-Amzn-Requestid"
