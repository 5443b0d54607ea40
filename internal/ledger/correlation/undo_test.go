package correlation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

var testStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// spanCall is a call with a response id, of a span in a trace.
func spanCall(trace usage.TraceID, span, parent usage.SpanID, scope string) usage.Call {
	return usage.Call{
		ID: usage.SpanRecordID(trace, span), Trace: trace, Span: span, Parent: parent, Role: usage.RoleCall, Start: testStart, Model: "m",
		ResponseID: "r", SignalGroup: "g", Scope: scope,
		Tokens: usage.Tokens{OutputText: 5, Fields: usage.HasInput | usage.HasOutput},
	}
}

// TestIndexRollback undoes what a failed write did: the index is as if it never was.
func TestIndexRollback(t *testing.T) {
	trace, other := usage.TraceID{1}, usage.TraceID{2}
	first := spanCall(trace, usage.SpanID{1}, usage.SpanID{}, "x")
	second := spanCall(trace, usage.SpanID{2}, usage.SpanID{1}, "y")
	second.SecondarySignal = true
	add := func(x *Index, c usage.Call) *Node {
		g := Precompute(&c)
		return x.add(&c, &g, testStart)
	}
	first.Quality |= usage.RunningSum
	larger := first
	larger.Tokens.OutputText, larger.ResponseID, larger.SignalGroup = 9, "r2", ""
	x := New(true)
	a := add(x, first)
	before := usage.Tokens{OutputText: 2}
	x.changeDecision(a, &Decision{Counted: true, Inherited: usage.Attribution{User: "ann"}, Before: before})
	x.Commit()

	x.Begin()
	b := add(x, second)
	x.changeDecision(b, &Decision{By: a.id, Reason: store.ReasonEcho})
	x.AddSpanParent(usage.SpanParent{Trace: trace, Span: usage.SpanID{3}, Parent: usage.SpanID{1}}, testStart)
	x.AddSpanParent(usage.SpanParent{Trace: other, Span: usage.SpanID{3}, Parent: usage.SpanID{1}}, testStart)
	g := Precompute(&larger)
	x.replace(a, &larger, &g, testStart)
	x.changeDecision(a, &Decision{By: b.id, Reason: store.ReasonTwin, Inherited: usage.Attribution{User: "bob"}})
	x.Rollback()

	require.Equal(t, 1, x.size)
	require.Equal(t, a.trace, x.oldest)
	require.Equal(t, a.trace, x.youngest)
	require.Equal(t, []*Node{a}, allOf(x, a))
	for _, table := range []table{x.byTrace, x.byID, x.byKey.table, x.attributions.facts.table, x.models.table, x.sources.table, x.groupKeys.table} {
		require.Equal(t, 1, table.used)
	}
	require.Zero(t, x.byLink.used)
	require.Equal(t, 1, x.byKey.count(keyOf('r', "r")))
	require.Equal(t, 1, x.groups[a.group].primary)
	require.Empty(t, x.groups[a.group].secondary)
	require.Equal(t, Decision{Counted: true, Inherited: usage.Attribution{User: "ann"}, Before: before}, x.decisionOf(a))
	require.Equal(t, first.Tokens.Output(), x.running[a.self].OutputText)
	require.Equal(t, completenessOf(&first), a.completeness)
	require.Empty(t, x.by)

	x.forget(x.oldest, x.traces.at(x.oldest))
	require.Zero(t, x.size)
	for _, table := range []table{
		x.byTrace, x.byID, x.byLink, x.byKey.table, x.byTwin.table, x.byTime.table, x.attributions.facts.table, x.attributions.texts.table, x.models.table, x.sources.table, x.groupKeys.table,
	} {
		require.Zero(t, table.used)
	}
	require.Empty(t, x.groups)
	require.Empty(t, x.running)
	require.Empty(t, x.before)
}

func allOf(x *Index, n *Node) (all []*Node) {
	x.eachOf(x.traces.at(n.trace), func(n *Node) { all = append(all, n) })
	return all
}
