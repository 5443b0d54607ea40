package llmapi

import (
	"strings"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
)

// converseUsage is https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html. Its input
// leaves the cache out, as Anthropic's does.
var converseUsage = jsonscan.Table{
	"inputTokens": fInput, "outputTokens": fOutput, "totalTokens": fTotal,
	"cacheReadInputTokens": fCacheRead, "cacheWriteInputTokens": fCacheWrite,
}

// bedrockError has the key of an error's name in the body; a header has it, too.
var bedrockError = jsonscan.Table{"__type": fErrorType}

// invokeUsage has the figures of the models' own bodies: Anthropic's, Amazon's Nova and those compatible with OpenAI.
var invokeUsage = jsonscan.Table{
	"input_tokens": fInput, "output_tokens": fOutput, "cache_read_input_tokens": fCacheRead, "cache_creation_input_tokens": fCacheWrite,
	"cache_creation.ephemeral_5m_input_tokens": fCacheWrite5m, "cache_creation.ephemeral_1h_input_tokens": fCacheWrite1h,
	"inputTokens": fInput, "outputTokens": fOutput, "cacheReadInputTokenCount": fCacheRead, "cacheWriteInputTokenCount": fCacheWrite,
	"prompt_tokens": fInput, "completion_tokens": fOutput,
}

// invocationMetrics is the object that Bedrock itself adds to the last piece of a stream.
const invocationMetrics = "amazon-bedrock-invocationMetrics"

var (
	converseTree = jsonscan.NewTree(here, bedrockError, jsonscan.Table{"stopReason": fFinish}, within("usage", converseUsage))

	invokeTree = jsonscan.NewTree([]string{"", "message."}, anthropicCommon, bedrockError, within("usage", invokeUsage), jsonscan.Table{
		"type": fType, "delta.stop_reason": fFinish, "stopReason": fFinish,
		invocationMetrics: fMetrics, invocationMetrics + ".inputTokenCount": fInput, invocationMetrics + ".outputTokenCount": fOutput,
		invocationMetrics + ".cacheReadInputTokenCount": fCacheRead, invocationMetrics + ".cacheWriteInputTokenCount": fCacheWrite,
	})
)

var (
	converse       = bedrockSpec(converseTree)
	converseStream = converse.streaming()
	invoke         = bedrockSpec(invokeTree).withHeaders()
	invokeStream   = bedrockSpec(invokeTree).streaming()
)

// bedrockSpec returns the description of one of Bedrock's APIs. Cache reads and writes are reported beside the input,
// as in Anthropic's API.
func bedrockSpec(tree *jsonscan.Node) Spec {
	return Spec{Operation: "chat", Provider: "aws.bedrock", Tree: tree, Tiers: openAITiers, tokens: anthropicTokens, merges: true}
}

// withHeaders returns the same with figures that come in headers, too.
func (s Spec) withHeaders() Spec {
	s.inHeaders = true
	return s
}

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

// bedrockModel returns the model of a path, which may be an ARN with slashes of its own; "" for paths that are not Bedrock's.
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
	field Field
}{
	{"X-Amzn-Bedrock-Input-Token-Count", fInput}, {"X-Amzn-Bedrock-Output-Token-Count", fOutput},
	{"X-Amzn-Bedrock-Cache-Read-Input-Token-Count", fCacheRead}, {"X-Amzn-Bedrock-Cache-Write-Input-Token-Count", fCacheWrite},
}
