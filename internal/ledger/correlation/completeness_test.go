package correlation

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// typicalCall is a call with what emitters report of most calls.
func typicalCall() usage.Call {
	c := usage.Call{
		Role: usage.RoleCall, Start: time.Unix(1793988000, 123456789).UTC(), Duration: 2 * time.Second, TTFT: 300 * time.Millisecond,
		Tokens:    usage.Tokens{InputUncached: 1200, CacheRead: 800, OutputText: 300, Reasoning: 50, Fields: usage.HasInput | usage.HasOutput | usage.HasCacheRead | usage.HasReasoning},
		Operation: "chat", Provider: "anthropic", RequestModel: "claude-sonnet-4-5", Model: "claude-sonnet-4-5-20250929", User: "alice@example.com",
		KeyFingerprint: usage.Fingerprint("a key"), KeyDisplay: "tb-Ab…9f3a", Service: "assistant", Environment: "production", Project: "search",
		Method: "POST", Path: "/v1/messages", ResponseID: "msg_013Zva2CMHLNnXjNJJKqJ2EF", RequestID: "req_018EeWyXxfu5pfWkrYcMdjWG", Status: 200,
	}
	c.Trace, c.Span = usage.TraceID{1, 2, 3}, usage.SpanID{4, 5}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	return c
}

// TestDigest: all that a delivery says is in its digest, and what the ledger adds is not. The digest of a call is the
// same in every process and on every machine: where two deliveries rank alike it decides which stays.
func TestDigest(t *testing.T) {
	c := typicalCall()
	plain := digestOf(&c)
	require.Equal(t, uint64(0x32bac314f327a4bc), plain)
	seen := map[uint64]string{plain: "nothing"}
	for name, change := range map[string]func(*usage.Call){
		"ID": func(c *usage.Call) { c.ID[0]++ }, "Parent": func(c *usage.Call) { c.Parent[7]++ }, "Role": func(c *usage.Call) { c.Role = usage.RoleTool },
		"Stream": func(c *usage.Call) { c.Stream++ }, "Echo": func(c *usage.Call) { c.SecondarySignal = true }, "Failed": func(c *usage.Call) { c.Failed = true },
		"HasReportedCost": func(c *usage.Call) { c.HasReportedCost = true }, "ReportedCost": func(c *usage.Call) { c.ReportedCost = 5 },
		"Fields": func(c *usage.Call) { c.Tokens.Fields |= usage.HasCacheWrite }, "Quality": func(c *usage.Call) { c.Quality |= usage.Estimated },
		"Start": func(c *usage.Call) { c.Start = c.Start.Add(1) }, "Duration": func(c *usage.Call) { c.Duration++ }, "TTFT": func(c *usage.Call) { c.TTFT++ },
		"Status": func(c *usage.Call) { c.Status++ }, "InputUncached": func(c *usage.Call) { c.Tokens.InputUncached++ }, "CacheRead": func(c *usage.Call) { c.Tokens.CacheRead++ },
		"CacheWrite": func(c *usage.Call) { c.Tokens.CacheWrite++ }, "CacheWrite1h": func(c *usage.Call) { c.Tokens.CacheWrite1h++ },
		"OutputText": func(c *usage.Call) { c.Tokens.OutputText++ }, "Reasoning": func(c *usage.Call) { c.Tokens.Reasoning++ },
		"AudioInput": func(c *usage.Call) { c.Modalities.AudioInput++ }, "VideoOutput": func(c *usage.Call) { c.Modalities.VideoOutput++ },
		"Group": func(c *usage.Call) { c.SignalGroup = "g" }, "Model": func(c *usage.Call) { c.Model = "m" }, "User": func(c *usage.Call) { c.User += "x" },
		"Session": func(c *usage.Call) { c.Session = "s" }, "Tier": func(c *usage.Call) { c.Tier = usage.TierFlex }, "ErrorType": func(c *usage.Call) { c.ErrorType = "e" }, "RequestID": func(c *usage.Call) { c.RequestID = "" },
		"a text moved to the next": func(c *usage.Call) { c.Service, c.Environment = "assistantp", "roduction" },
		"a long text":              func(c *usage.Call) { c.Path = strings.Repeat("/a", 2000) },
	} {
		other := typicalCall()
		change(&other)
		d := digestOf(&other)
		require.NotContains(t, seen, d, "%s is as %s", name, seen[d])
		seen[d] = name
	}
	for name, change := range map[string]func(*usage.Call){
		"Cost": func(c *usage.Call) { c.Cost = 9 }, "PriceVersion": func(c *usage.Call) { c.PriceVersion = "v" }, "Unpriced": func(c *usage.Call) { c.Quality |= usage.Unpriced },
		"ReportedCost flag": func(c *usage.Call) { c.Quality |= usage.ReportedCost }, "NoUsage": func(c *usage.Call) { c.Quality |= usage.NoUsage },
		"TierUnpriced": func(c *usage.Call) { c.Quality |= usage.TierUnpriced },
	} {
		other := typicalCall()
		change(&other)
		require.Equal(t, plain, digestOf(&other), name)
	}
}

var sinkCompleteness completeness

func BenchmarkCompleteness(b *testing.B) {
	c := typicalCall()
	b.ReportAllocs()
	for b.Loop() {
		sinkCompleteness = completenessOf(&c)
	}
}
