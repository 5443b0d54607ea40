package dialect

import "strings"

// An emitter that names no provider, or puts its own name there, leaves the name of the model, which says
// whose it is: what it costs, and whether an input figure of its API includes the cache.

// knownProviders are the conventions' names of providers.
var knownProviders = map[string]bool{
	"openai": true, "anthropic": true, "aws.bedrock": true, "azure.ai.inference": true, "azure.ai.openai": true, "cohere": true, "deepseek": true,
	"gcp.gemini": true, "gcp.gen_ai": true, "gcp.vertex_ai": true, "groq": true, "ibm.watsonx.ai": true, "mistral_ai": true, "moonshot_ai": true,
	"perplexity": true, "x_ai": true,
}

// providerCache holds providers of one request by the names that its records have for them.
type providerCache [16]mappedProvider

// mappedProvider is a provider under the conventions' name, "" where the name is of none.
type mappedProvider struct {
	name, provider string
	known          bool // it is one of knownProviders
}

// of maps a name that is not empty.
func (p *providerCache) of(name string) *mappedProvider {
	m := &p[(uint(len(name))*5+uint(name[0])+uint(name[len(name)-1])*3)%uint(len(p))]
	if m.name != name {
		folded := foldProvider(name)
		*m = mappedProvider{name: name, provider: clean(folded), known: knownProviders[folded]}
	}
	return m
}

// modelVendors are the beginnings of models' names, and who answers under them. Those of Bedrock, which
// name a vendor first, come before the vendors' own.
var modelVendors = []struct {
	provider string
	prefixes []string
}{
	{"", []string{"gpt-oss"}}, // anyone's
	{"aws.bedrock", []string{
		"arn:aws", "anthropic.", "amazon.", "meta.llama", "cohere.", "mistral.", "ai21.", "deepseek.", "openai.gpt-oss", "qwen.", "us.", "eu.", "apac.", "global.",
	}},
	{"anthropic", []string{"claude"}},
	{"openai", []string{
		"gpt-", "chatgpt", "o1", "o3", "o4", "text-embedding-3", "text-embedding-ada", "davinci", "babbage", "codex", "computer-use", "dall-e", "whisper", "tts-", "omni-",
	}},
	{"gcp.gemini", []string{"gemini", "models/gemini", "gemini-embedding", "text-embedding-004", "imagen", "veo-"}},
	{"mistral_ai", []string{"mistral", "ministral", "codestral", "magistral", "pixtral", "devstral", "open-mistral", "open-mixtral"}},
	{"x_ai", []string{"grok"}},
	{"deepseek", []string{"deepseek-"}},
	{"cohere", []string{"command-", "embed-english", "embed-multilingual", "rerank-"}},
	{"perplexity", []string{"sonar"}},
	{"moonshot_ai", []string{"kimi", "moonshot"}},
}

// providerOfModel gives the provider that a model's name tells, "" where it tells none: LiteLLM and its like
// put the provider before it (openai/gpt-4.1), else the name is its vendor's.
func providerOfModel(model string) string {
	model = strings.ToLower(model)
	for {
		prefix, rest, found := strings.Cut(model, "/")
		if !found {
			break
		}
		if folded := foldProvider(prefix); knownProviders[folded] {
			return folded
		}
		model = rest
	}
	for i := range modelVendors {
		for _, prefix := range modelVendors[i].prefixes {
			if strings.HasPrefix(model, prefix) {
				return modelVendors[i].provider
			}
		}
	}
	return ""
}

// deployments are attributes that name a model with its provider, whatever the record calls the model.
var deployments = refsTo([]string{"litellm.provider.model"})

// idVendors are the beginnings of answers' ids, and who gives them.
var idVendors = []struct{ prefix, provider string }{{"msg_bdrk_", "aws.bedrock"}, {"msg_vrtx_", "gcp.vertex_ai"}, {"msg_", "anthropic"}}

// providerOf gives the provider that a model's name tells, else an answer's id.
func providerOf(model, id string) string {
	if told := providerOfModel(model); told != "" {
		return told
	}
	for _, row := range idVendors {
		if strings.HasPrefix(id, row.prefix) {
			return row.provider
		}
	}
	return ""
}

// hosts are providers of other vendors' models, which they pass on with the vendor's own figures.
var hosts = map[string]bool{"gcp.vertex_ai": true, "azure.ai.inference": true, "azure.ai.openai": true}

// rulesOf gives the provider whose rules figures follow: the one that is named, or where that is none that the
// conventions know, the one that the model tells. Claude's figures are Anthropic's with hosts too.
func rulesOf(named, told, model string) string {
	if hosts[named] && strings.Contains(strings.ToLower(model), "claude") {
		return "anthropic"
	}
	if knownProviders[named] || told == "" {
		return named
	}
	return told
}

// told gives the provider that the names in a record tell, and the model.
func (r *record) told(f *Family) (provider, model string) {
	model = r.model(f)
	for i := range deployments {
		if told := providerOfModel(r.own.text(&deployments[i])); told != "" {
			return told, model
		}
	}
	return providerOf(model, r.text(f, factResponseID)), model
}

// rules gives the provider whose rules the figures of a record follow.
func (r *record) rules(f *Family, named string) string {
	if knownProviders[named] && !hosts[named] {
		return named
	}
	told, model := r.told(f)
	return rulesOf(named, told, model)
}

// separate are the providers whose total has thoughts that an emitter may have left out of the output. Their
// total is input and output: what it has beyond them was thought.
var separate = map[string]bool{"gcp.gemini": true, "gcp.vertex_ai": true, "gcp.gen_ai": true, "x_ai": true}
