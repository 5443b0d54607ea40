package tokenusageprocessor

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// plainScrub removes and redacts in the plainest way: every name is asked every question, every text
// is looked at for every key.
func plainScrub(attrs pcommon.Map, content, ours bool, names []string) (removed int64) {
	var keys []string
	for _, name := range dialect.RawKeys {
		v, ok := attrs.Get(name)
		switch {
		case ok && v.Type() == pcommon.ValueTypeSlice:
			for _, item := range v.Slice().All() {
				keys = append(keys, bare(item.AsString()))
			}
		case ok:
			keys = append(keys, bare(v.AsString()))
		}
	}
	attrs.RemoveIf(func(name string, _ pcommon.Value) bool {
		gone := slices.Contains(dialect.RawKeys, name) || (content && dialect.IsContent(name, ours)) || slices.Contains(names, name)
		if gone {
			removed++
		}
		return gone
	})
	for name, v := range attrs.All() {
		if v.Type() != pcommon.ValueTypeStr {
			continue
		}
		text := redactKeys(v.Str(), keys)
		if slices.Contains([]string{"url.full", "url.query", "http.url", "http.target", "url.original", "http.request.url", "request.url"}, name) {
			text = urlKey.ReplaceAllString(text, "${1}REDACTED")
		}
		v.SetStr(text)
	}
	return removed
}

func bare(s string) string {
	for _, scheme := range []string{"Bearer ", "bearer ", "Basic "} {
		s = strings.TrimPrefix(strings.TrimSpace(s), scheme)
	}
	return strings.TrimSpace(s)
}

// TestScrubPlain: over random records of names that mean something, scrubbing is what the plain way does.
func TestScrubPlain(t *testing.T) {
	names := append([]string{
		"gen_ai.operation.name", "gen_ai.prompt", "gen_ai.prompt.0.content", "input", "output.value", "llm.x.messages", "mastra.a.input", "description",
		"url.full", "url.query", "http.target", "http.url", "note", "user.id", "customer.name", "http.request.method", "server.address", "gen_ai.usage.input_tokens",
	}, dialect.RawKeys...)
	texts := []string{
		"sk-test-0123456789abcdef", "Bearer sk-test-0123456789abcdef", "short", "", "see sk-test-0123456789abcdef and x-key-9876543210",
		"/v1?key=abc&x=1", "https://h/p?alt=sse&KEY=AIzaSecret&x=1#f", "a=1&token=t", "=", "key", "chat", "x-key-9876543210",
	}
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		content, ours := rng.IntN(3) > 0, rng.IntN(2) == 0
		c := &Config{DropContent: content}
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
		keys, keyNames := rd.Keys(nil, nil)
		require.Equal(t, wantRemoved, s.span(span.Attributes(), rd.Kinds(), ours, found{keys, keyNames}))
		require.Equal(t, want.AsRaw(), span.Attributes().AsRaw())
		rd.Close()

		require.Equal(t, wantRemoved, s.event(event, ours))
		require.Equal(t, want.AsRaw(), event.Attributes().AsRaw())
	}
}

// TestMayHoldKey: whatever the expression matches is looked at.
func TestMayHoldKey(t *testing.T) {
	letters := []string{"key", "token", "KEY", "Token", "api", "-", "_", "access", "=", "&", "?", "x", "\u212aey", "acceſs_toKen", "subscription-", "x-goog-api-", "v", "#"}
	matched := 0
	for seed := range uint64(20_000) {
		rng := rand.New(rand.NewPCG(seed, 9))
		text := ""
		for range rng.IntN(8) {
			text += letters[rng.IntN(len(letters))]
		}
		if urlKey.MatchString(text) {
			matched++
			require.True(t, mayHoldKey(text), text)
		}
	}
	require.Greater(t, matched, 300)
	for _, text := range []string{"", "=", "page=2&sort=asc", "monkey", "a=key"} {
		require.False(t, mayHoldKey(text), text)
	}
}
