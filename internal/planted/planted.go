// Package planted makes telemetry that is full of secrets, for tests that look for them in what leaves the
// program: every shape of key in every text that a record has, and a secret without any shape behind every
// name of secrets, in every place where names stand. The secrets are made up.
package planted

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Names are names of secrets as emitters write them.
var Names = []string{
	"Authorization", "authorization", "http.request.header.authorization", "http.request.header.Authorization", "Proxy-Authorization", "ai.request.headers.authorization",
	"x_api_key", "x-api-key", "X-API-Key", "api-key", "api_key", "apiKey", "APIKEY", "OPENAI_API_KEY", "gen_ai.request.api_key", "llm.api_key", "x-litellm-api-key",
	"http.request.header.x-litellm-api-key", "http.request.header.x_goog_api_key", "x-goog-api-key", "Ocp-Apim-Subscription-Key", "metadata.user_api_key", "x-bf-vk",
	"token", "access_token", "refreshToken", "x-auth-token", "x-amz-security-token", "secret", "client_secret", "clientSecret", "aws.secret_access_key", "private_key",
	"cookie", "Set-Cookie", "http.request.header.cookie", "password", "db.password", "credentials", "tokenboard.key", "litellm_key",
}

// Set is telemetry and the secrets in it.
type Set struct {
	Traces  ptrace.Traces
	Logs    plog.Logs
	Secrets map[string]string // by what and where they are

	rng *rand.Rand
	now time.Time
	n   uint64

	middles map[middle]string
}

const (
	hex    = "0123456789abcdef"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	letter = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum  = letter + "0123456789"
	base64 = alnum + "_-"
)

// Shapes make a key of each kind.
func (s *Set) shapes() map[string]string {
	return map[string]string{
		"OpenAI": "sk-proj-" + s.body(base64, 74) + "T3BlbkFJ" + s.body(base64, 74), "OpenAI (old)": "sk-" + s.body(alnum, 48), "LiteLLM": "sk-" + s.body(base64, 22),
		"Anthropic": "sk-ant-api03-" + s.body(base64, 93) + "AA", "OpenRouter": "sk-or-v1-" + s.body(hex, 64), "Google": "AIza" + s.body(base64, 35),
		"Groq": "gsk_" + s.body(alnum, 52), "xAI": "xai-" + s.body(alnum, 80), "Hugging Face": "hf_" + s.body(letter, 34), "GitHub": "ghp_" + s.body(alnum, 36),
		"Tokenboard": "tb-" + s.body(base64, 43), "API token": "tbt-" + s.body(base64, 43), "AWS": "AKIA" + s.body(upper, 16),
		"JWT":    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + s.body(base64, 43),
		"bearer": "Bearer " + s.body(alnum, 40), "basic": "Basic " + s.body(alnum, 32) + "==", "user of a URL": "https://user:" + s.body(alnum, 16) + "@h.example/x",
		"query": "https://h.example/v1/models?key=" + s.body(alnum, 39) + "&alt=sse", "header": "x-api-key: " + s.body(alnum, 32),
		"JSON": `{"headers":{"Authorization":"Bearer ` + s.body(alnum, 64) + `"}}`,
		"PEM":  "-----BEGIN PRIVATE KEY-----\n" + s.body(alnum, 64) + "\n-----END PRIVATE KEY-----",
	}
}

// body makes the random part of a key.
func (s *Set) body(of string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = of[s.rng.IntN(len(of))]
	}
	b[0], b[n-1] = of[0], of[len(of)/2]
	return string(b)
}

// Make makes a set whose records start at a time.
func Make(now time.Time) *Set {
	s := &Set{Traces: ptrace.NewTraces(), Logs: plog.NewLogs(), Secrets: map[string]string{}, rng: rand.New(rand.NewPCG(2026, 11)), now: now}
	for _, place := range sorted(places) {
		put := places[place]
		for _, name := range Names {
			secret := s.body(alnum, 26)
			s.Secrets[name+" in "+place] = secret
			s.records(func(p *parts) { put(p, name, secret) })
		}
	}
	for _, place := range sorted(texts) {
		put, shapes := texts[place], s.shapes()
		for _, shape := range sorted(shapes) {
			secret := shapes[shape]
			forms := map[string]string{"whole": secret, "in a text": "failed (" + secret + "), try again", "cut off": fmt.Sprintf("%0*d %s", 200, 0, secret)}
			for _, form := range sorted(forms) {
				text := forms[form]
				s.Secrets[shape+" "+form+" in "+place] = secret
				s.records(func(p *parts) { put(p, text) })
			}
		}
	}
	return s
}

// sorted returns the names in a map in order.
func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// parts are where secrets can be put: one of a span and a log record is there.
type parts struct {
	resource pcommon.Resource
	scope    pcommon.InstrumentationScope
	attrs    pcommon.Map
	span     *ptrace.Span
	log      *plog.LogRecord
}

// records adds a span and a log record of a call each.
func (s *Set) records(put func(*parts)) {
	rs := s.Traces.ResourceSpans().AppendEmpty()
	ss := rs.ScopeSpans().AppendEmpty()
	span := ss.Spans().AppendEmpty()
	s.n++
	span.SetTraceID(pcommon.TraceID{1, byte(s.n >> 16), byte(s.n >> 8), byte(s.n)})
	span.SetSpanID(pcommon.SpanID{1, byte(s.n >> 16), byte(s.n >> 8), byte(s.n)})
	span.SetName("chat m")
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(s.now))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(s.now.Add(time.Second)))
	call(span.Attributes())
	put(&parts{resource: rs.Resource(), scope: ss.Scope(), attrs: span.Attributes(), span: &span})

	rl := s.Logs.ResourceLogs().AppendEmpty()
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("com.anthropic.claude_code.events")
	lr := sl.LogRecords().AppendEmpty()
	lr.SetTimestamp(span.StartTimestamp())
	lr.Attributes().PutStr("event.name", "api_request")
	lr.Attributes().PutInt("input_tokens", 3)
	lr.Attributes().PutInt("n", int64(s.n))
	put(&parts{resource: rl.Resource(), scope: sl.Scope(), attrs: lr.Attributes(), log: &lr})
}

func call(a pcommon.Map) {
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.request.model", "m")
	a.PutInt("gen_ai.usage.input_tokens", 7)
	a.PutInt("gen_ai.usage.output_tokens", 2)
}

// places are the places where names occur.
var places = map[string]func(p *parts, name, secret string){
	"an attribute": func(p *parts, name, secret string) { p.attrs.PutStr(name, secret) },
	"an attribute with copies": func(p *parts, name, secret string) {
		p.attrs.PutStr(name, "Bearer "+secret)
		for _, place := range sorted(texts) {
			put := texts[place]
			if place != "the service" && place != "the scope" { // they are of many records
				put(p, "rejected "+secret+" twice")
			}
		}
	},
	"a list": func(p *parts, name, secret string) {
		p.attrs.PutEmptySlice(name).AppendEmpty().SetStr("Bearer " + secret)
	},
	"bytes":     func(p *parts, name, secret string) { p.attrs.PutEmptyBytes(name).FromRaw([]byte(secret)) },
	"an event":  func(p *parts, name, secret string) { p.event().PutStr(name, secret) },
	"a link":    func(p *parts, name, secret string) { p.link().PutStr(name, secret) },
	"resource":  func(p *parts, name, secret string) { p.resource.Attributes().PutStr(name, secret) },
	"the scope": func(p *parts, name, secret string) { p.scope.Attributes().PutStr(name, secret) },
	"a resource, with copies": func(p *parts, name, secret string) {
		p.resource.Attributes().PutStr(name, secret)
		p.attrs.PutStr("user.id", secret)
		p.attrs.PutStr("error.type", "of "+secret)
	},
	"an event, with copies": func(p *parts, name, secret string) {
		p.event().PutStr(name, secret)
		p.attrs.PutStr("user.id", secret)
	},
	"a nested list": func(p *parts, name, secret string) {
		m := p.attrs.PutEmptyMap("llm.headers").PutEmptySlice("list").AppendEmpty().SetEmptyMap()
		m.PutStr(name, secret)
	},
	"pairs": func(p *parts, name, secret string) {
		m := p.attrs.PutEmptySlice("llm.headers").AppendEmpty().SetEmptyMap()
		m.PutStr("name", name)
		m.PutStr("value", secret)
	},
	"JSON": func(p *parts, name, secret string) {
		text, _ := json.Marshal(map[string]any{"n": 1, name: secret}) // never fails
		p.attrs.PutStr("llm.headers", string(text))
		p.event().PutStr("request.dump", string(text))
	},
	"JSON in JSON": func(p *parts, name, secret string) {
		text, _ := json.Marshal(map[string]any{"n": 1, name: []string{secret}}) // never fails
		again, _ := json.Marshal(map[string]any{"body": string(text)})          // never fails
		p.attrs.PutStr("user.id", string(again))
	},
	"Python": func(p *parts, name, secret string) {
		p.attrs.PutStr("metadata", "{'a': None, '"+name+"': '"+secret+"'}")
	},
	"a header": func(p *parts, name, secret string) { p.attrs.PutStr("note", "GET /\r\n"+name+": "+secret+"\r\n\r\n") },
	"a body": func(p *parts, name, secret string) {
		if p.log != nil {
			p.log.Body().SetEmptyMap().PutEmptyMap("headers").PutStr(name, secret)
		}
	},
}

func (p *parts) event() pcommon.Map {
	if p.span == nil {
		return p.attrs
	}
	return p.span.Events().AppendEmpty().Attributes()
}

func (p *parts) link() pcommon.Map {
	if p.span == nil {
		return p.attrs
	}
	return p.span.Links().AppendEmpty().Attributes()
}

// texts are the places of texts that are stored or passed on.
var texts map[string]func(p *parts, text string)

func init() {
	all := map[string]func(p *parts, text string){
		"a name": func(p *parts, text string) {
			if p.span != nil {
				p.span.SetName(text)
			} else {
				p.log.SetEventName(text)
			}
		},
		"a status": func(p *parts, text string) {
			if p.span != nil {
				p.span.Status().SetCode(ptrace.StatusCodeError)
				p.span.Status().SetMessage(text)
			} else {
				p.log.SetSeverityText(text)
			}
		},
		"a body": func(p *parts, text string) {
			if p.log != nil {
				p.log.Body().SetStr(text)
			}
		},
		"an event": func(p *parts, text string) {
			if p.span != nil {
				e := p.span.Events().AppendEmpty()
				e.SetName(text)
				e.Attributes().PutStr("exception.message", text)
				l := p.span.Links().AppendEmpty()
				l.Attributes().PutStr("note", text)
			}
		},
		"a list": func(p *parts, text string) {
			p.attrs.PutEmptySlice("tags").AppendEmpty().SetEmptyMap().PutStr("x", text)
		},
		"a name of an attribute": func(p *parts, text string) { p.attrs.PutStr(text, "x") },
		"the service":            func(p *parts, text string) { p.resource.Attributes().PutStr("service.name", text) },
		"the scope": func(p *parts, text string) {
			p.scope.SetVersion(text)
			if p.span != nil {
				p.scope.SetName(text)
			}
		},
	}
	for _, name := range []string{
		"user.id", "session.id", "error.type", "error.message", "url.path", "http.route", "url.full", "metadata.user_api_key_alias", "litellm.api_key.alias", "gen_ai.request.model",
		"gen_ai.response.model", "gen_ai.response.id", "gen_ai.conversation.id", "project.name", "gen_ai.provider.name", "exception.stacktrace", "server.address", "http.request.method",
		"litellm.call_id", "anything.else",
	} {
		all[name] = func(p *parts, text string) { p.attrs.PutStr(name, text) }
	}
	texts = all
}

// Found returns the secrets in data and where they are; nil where there are none. A secret is found by
// its middle, in any case: the ends may be shown.
func (s *Set) Found(data []byte) (found []string) {
	if s.middles == nil {
		s.middles = map[middle]string{}
		for what, secret := range s.Secrets {
			s.middles[middle([]byte(strings.ToLower(secret[(len(secret)-len(middle{}))/2:])))] = what
		}
	}
	data = bytes.ToLower(data)
	for i := 0; i+len(middle{}) <= len(data); i++ {
		if what, ok := s.middles[middle(data[i:])]; ok {
			found = append(found, what)
		}
	}
	return found
}

// middle is a part by which a secret is found.
type middle [10]byte
