package tokenusageprocessor

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// plainScrub removes and redacts in the plainest way: every name is asked every question, every text
// is looked at for every key.
func plainScrub(attrs pcommon.Map, content, ours bool, names []string) (removed int64) {
	var known secret.Keys
	secretive := func(name string, v pcommon.Value) bool {
		if slices.Contains(tables.RawKeys, name) || secret.Name(name) == secret.Sure {
			return true
		}
		text := v
		if v.Type() == pcommon.ValueTypeSlice {
			text = v.Slice().At(0)
		}
		return secret.Name(name) == secret.Likely && text.Type() == pcommon.ValueTypeStr && secret.Looks(secret.Bare(text.Str()))
	}
	for name, v := range attrs.All() {
		switch {
		case !secretive(name, v):
		case v.Type() == pcommon.ValueTypeSlice:
			known.Add(v.Slice().At(0).AsString())
		default:
			known.Add(v.AsString())
		}
	}
	attrs.RemoveIf(func(name string, v pcommon.Value) bool {
		gone := secretive(name, v) || (content && dialect.IsContent(name, ours)) || slices.Contains(names, name)
		if gone {
			removed++
		}
		return gone
	})
	for name, v := range attrs.All() {
		text := v
		if v.Type() == pcommon.ValueTypeSlice {
			text = v.Slice().At(0)
		}
		if text.Type() != pcommon.ValueTypeStr {
			continue
		}
		was := text.Str()
		if v.Type() == pcommon.ValueTypeStr && slices.Contains([]string{"url.full", "url.query", "http.url", "http.target", "url.original", "http.request.url", "request.url"}, name) {
			was, _ = secret.Query(was)
		}
		was, _ = known.Cut(was)
		was, _ = secret.Text(was)
		text.SetStr(was)
	}
	return removed
}

// TestScrubPlain: over random records of names that mean something, scrubbing is what the plain way does.
func TestScrubPlain(t *testing.T) {
	names := append([]string{
		"gen_ai.operation.name", "gen_ai.prompt", "gen_ai.prompt.0.content", "input", "output.value", "llm.x.messages", "mastra.a.input", "description",
		"url.full", "url.query", "http.target", "http.url", "note", "user.id", "customer.name", "http.request.method", "server.address", "gen_ai.usage.input_tokens",
		"Authorization", "x_api_key", "token", "openai.token", "db.password", "session.cookie", "gen_ai.token.type",
	}, tables.RawKeys...)
	texts := []string{
		"sk-test-0123456789abcdef", "Bearer sk-test-0123456789abcdef", "short", "", "see sk-test-0123456789abcdef and x-key-9876543210",
		"/v1?key=abc&x=1", "https://h/p?alt=sse&KEY=AIzaSecret&x=1#f", "a=1&token=t", "=", "key", "chat", "x-key-9876543210",
	}
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		content, ours := rng.IntN(3) > 0, rng.IntN(2) == 0
		c := &Config{DropContent: content, RedactSecrets: true}
		if rng.IntN(3) == 0 {
			c.DropAttributes = []string{"customer.name"}
		}
		attrs := pcommon.NewMap()
		for range rng.IntN(12) {
			switch name := names[rng.IntN(len(names))]; rng.IntN(6) {
			case 0:
				attrs.PutInt(name, 12345678)
			case 1:
				attrs.PutEmptySlice(name).AppendEmpty().SetStr(texts[rng.IntN(len(texts))])
			default:
				attrs.PutStr(name, texts[rng.IntN(len(texts))])
			}
		}
		want, event := pcommon.NewMap(), ptrace.NewSpanEvent()
		attrs.CopyTo(want)
		attrs.CopyTo(event.Attributes())
		wantRemoved := plainScrub(want, content, ours, c.DropAttributes)

		s := newScrubber(c)
		d := dialect.New(dialect.Options{})
		rd := d.Reader()
		rd.Resource(pcommon.NewResource())
		rd.Scope(pcommon.NewInstrumentationScope())
		span := ptrace.NewSpan()
		attrs.CopyTo(span.Attributes())
		var call usage.Call
		rd.Span(span, &call)
		work := s.start(rd, rd.Secrets())
		work.span(span, rd.Kinds(), ours)
		require.Equal(t, want.AsRaw(), span.Attributes().AsRaw())
		require.Equal(t, wantRemoved, work.removed)

		work = s.start(rd, rd.Secrets())
		work.event(event, ours)
		require.Equal(t, wantRemoved, work.removed)
		require.Equal(t, want.AsRaw(), event.Attributes().AsRaw())
		rd.Close()
	}
}
