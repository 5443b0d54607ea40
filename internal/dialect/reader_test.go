package dialect

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestReadersSideBySide: one decoder serves requests that come together, of more scopes than it remembers.
func TestReadersSideBySide(t *testing.T) {
	attrs := map[string]any{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7, "gen_ai.request.api_key": "sk-0123456789abcdefgh"}
	d := New(Options{Custom: []Custom{{Name: "mine", Scope: "mine", Input: []string{"in"}, Output: []string{"out"}}}})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range maxPlans {
				name := fmt.Sprintf("scope-%d-%d", worker%2, i)
				if i%7 == 0 {
					name = "codex" + strings.Repeat("x", maxScope)
				}
				res, scope, s := spanOf(name, "chat", attrs)
				c, family := d.Span(res, scope, s)
				if family == "" || c.Tokens.Input() != 7 || c.Scope != value.Clean(name) || c.KeyFingerprint != usage.Fingerprint("sk-0123456789abcdefgh") {
					t.Errorf("%s: %s %+v", name, family, c)
					return
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, len(*d.plans.Load()), maxPlans)
}

// TestReaderForgets: what one record, resource or scope has is not attributed to the next.
func TestReaderForgets(t *testing.T) {
	d := New(Options{})
	rd := d.Reader()
	defer rd.Close()
	res, scope, call := spanOf("com.anthropic.claude_code", "chat", map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7, "user.id": "u", "gen_ai.request.api_key": "sk-0123456789abcdefgh", "url.full": "https://a/b",
		"gen_ai.prompt": "x",
	})
	_, plain, other := spanOf("", "GET", map[string]any{"http.route": "/"})
	rd.Resource(res)
	rd.Scope(scope)
	var c usage.Call
	rd.Span(call, &c)
	require.Equal(t, "u", c.User)
	require.Equal(t, KindContent|KindKey|KindSecret|KindURL|KindCanonical|kindUsage, rd.Kinds())
	text, n := rd.Secrets()[2].Cut("x sk-0123456789abcdefgh y")
	require.Equal(t, "x sk-01…efgh y", text)
	require.Equal(t, 1, n)
	require.True(t, rd.Agent(""))

	rd.Scope(plain)
	c = usage.Call{}
	require.Empty(t, rd.Span(other, &c))
	require.Equal(t, usage.RoleNone, c.Role)
	require.Zero(t, rd.Kinds())
	require.True(t, rd.Secrets()[2].Empty())
	require.False(t, rd.Agent(""))

	bare, _, again := spanOf("", "chat", map[string]any{"gen_ai.operation.name": "chat"})
	bare.Attributes().Clear()
	rd.Resource(bare)
	c = usage.Call{}
	rd.Span(again, &c)
	require.Equal(t, usage.RoleCall, c.Role)
	require.Empty(t, c.Service+c.User+c.KeyFingerprint+c.Environment+c.Scope)
	require.Zero(t, c.Process)
	require.False(t, c.Tokens.Reported())
}

// TestProjectOfResource: a project may stand on the resource, as OTEL_RESOURCE_ATTRIBUTES sets it; one on
// the span comes first. It holds for normalised spans and for those of SDKs.
func TestProjectOfResource(t *testing.T) {
	d := New(Options{})
	sdk := map[string]any{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}
	normalised := map[string]any{usage.AttrRole: "call", usage.AttrOperation: "chat", usage.AttrInputTokens: 7}
	for name, attrs := range map[string]map[string]any{"sdk": sdk, "normalised": normalised} {
		for _, attribute := range []string{usage.AttrProject, "project.name", "project.id"} {
			res, scope, s := spanOf("", "chat", attrs)
			res.Attributes().PutStr(attribute, "research")
			c, _ := d.Span(res, scope, s)
			require.Equal(t, "research", c.Project, "%s: %s", name, attribute)
		}
		res, scope, s := spanOf("", "chat", attrs)
		c, _ := d.Span(res, scope, s)
		require.Empty(t, c.Project, name)
		res.Attributes().PutStr(usage.AttrProject, "research")
		s.Attributes().PutStr(map[string]string{"sdk": "project.name", "normalised": usage.AttrProject}[name], "own")
		c, _ = d.Span(res, scope, s)
		require.Equal(t, "own", c.Project, name)
	}
}
