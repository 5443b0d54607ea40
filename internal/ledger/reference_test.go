package ledger

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// The reference accountant: the rules of counting over all records at once, in plain loops. It has
// no store, no index, no order of arrival and no transaction, and shares no code with the ledger but
// the order of fullness between deliveries that bear the same figures.

// refCall is one record as the reference sees it, with what it finds out about it.
type refCall struct {
	usage.Call
	superseded, apart bool // superseded by what lies below; a call of its own whatever lies below
	out, leaf         bool // some other record stands for it; by the leaf rule
	aliases           []string
	below             []*refCall // of the same line, any depth
	above             []*refCall // nearest first
}

func (c *refCall) hasUsage() bool { return c.Tokens.Fields&(usage.HasInput|usage.HasOutput) != 0 }
func (c *refCall) input() int64 {
	return c.Tokens.InputUncached + c.Tokens.CacheRead + c.Tokens.CacheWrite
}
func (c *refCall) output() int64  { return c.Tokens.OutputText + c.Tokens.Reasoning }
func (c *refCall) end() time.Time { return c.Start.Add(c.Duration) }

func (c *refCall) ids() []string {
	var out []string
	if c.ResponseID != "" {
		out = append(out, "response "+c.ResponseID)
	}
	if c.RequestID != "" {
		out = append(out, "request "+c.RequestID)
	}
	return append(out, c.aliases...)
}

func sameSource(a, b *refCall) bool {
	return a.Signal == b.Signal && a.Scope == b.Scope && a.Process == b.Process
}

func byTime(a, b *refCall) int {
	return cmp.Or(a.Start.Compare(b.Start), bytes.Compare(a.ID[:], b.ID[:]))
}

func oneOff(a, b int64) bool { return a-b <= 1 && b-a <= 1 }

// refVerdict is what the reference says of one record.
type refVerdict struct {
	counted bool
	who     usage.Attribution // for whom it counts
}

// reference applies the rules.
func reference(b usage.Batch, window time.Duration) map[usage.ID]refVerdict {
	all := refRecords(b.Calls)
	refLines(all, b.Parents)
	refLeaves(all)
	for _, c := range all {
		full := slices.ContainsFunc(all, func(o *refCall) bool { return o.SignalGroup == c.SignalGroup && !o.SecondarySignal })
		if c.SignalGroup != "" && c.SecondarySignal && full {
			c.out = true
		}
	}
	calls := refTwins(refSameCalls(all, window), window)
	verdicts := map[usage.ID]refVerdict{}
	for _, c := range all {
		verdicts[c.ID] = refVerdict{}
	}
	for _, records := range calls {
		slices.SortFunc(records, func(a, b *refCall) int { return byCompleteness(&a.Call, &b.Call) })
		best := records[0]
		hidden := !best.hasUsage() && slices.ContainsFunc(records, func(c *refCall) bool { return refTwinByTime(all, c) })
		if !hidden {
			verdicts[best.ID] = refVerdict{counted: true, who: refWho(records)}
		}
	}
	return verdicts
}

// byCompleteness puts the more complete record first.
func byCompleteness(a, b *usage.Call) int {
	switch {
	case correlation.MoreComplete(a, b):
		return -1
	case correlation.MoreComplete(b, a):
		return 1
	}
	return 0
}

// refRecords keeps of each record the most complete delivery.
func refRecords(calls []usage.Call) []*refCall {
	byID := map[usage.ID]*refCall{}
	for _, c := range calls {
		if old := byID[c.ID]; old == nil || correlation.MoreComplete(&c, &old.Call) {
			byID[c.ID] = &refCall{Call: c}
		}
	}
	return slices.SortedFunc(maps.Values(byID), byTime)
}

// refPlace is a span's place.
type refPlace struct {
	trace usage.TraceID
	span  usage.SpanID
}

// refLines finds who stands above whom: along a line of spans, up to a tool execution, beyond which
// only aggregates stand.
func refLines(all []*refCall, links []usage.SpanParent) {
	parents, tools, at := map[refPlace]usage.SpanID{}, map[refPlace]bool{}, map[refPlace]*refCall{}
	for _, l := range links {
		parents[refPlace{l.Trace, l.Span}], tools[refPlace{l.Trace, l.Span}] = l.Parent, l.Tool
	}
	for _, c := range all {
		if p := (refPlace{c.Trace, c.Span}); c.Signal == usage.SignalSpan {
			parents[p], tools[p], at[p] = c.Parent, c.Role == usage.RoleTool, c
		}
	}
	refCutCircles(parents)
	for _, c := range all {
		if c.Signal != usage.SignalSpan {
			continue
		}
		through := c.Role == usage.RoleTool
		for span := parents[refPlace{c.Trace, c.Span}]; span != (usage.SpanID{}); span = parents[refPlace{c.Trace, span}] {
			if a := at[refPlace{c.Trace, span}]; a != nil && (!through || a.Role != usage.RoleCall) {
				a.below, c.above = append(a.below, c), append(c.above, a)
			}
			through = through || tools[refPlace{c.Trace, span}]
		}
	}
}

// refCutCircles makes a root of the smallest of the spans that are each other's ancestors.
func refCutCircles(parents map[refPlace]usage.SpanID) {
	var roots []refPlace
	for p := range parents {
		least := p.span
		span, steps := parents[p], 0
		for ; span != p.span && span != (usage.SpanID{}) && steps <= len(parents); steps++ {
			if bytes.Compare(span[:], least[:]) < 0 {
				least = span
			}
			span = parents[refPlace{p.trace, span}]
		}
		if span == p.span { // back where it began
			roots = append(roots, refPlace{p.trace, least})
		}
	}
	for _, p := range roots {
		delete(parents, p)
	}
}

// refLeaves is the leaf rule.
func refLeaves(all []*refCall) {
	for _, c := range all {
		usageBelow := slices.ContainsFunc(c.below, (*refCall).hasUsage)
		c.apart = refIsApart(c)
		c.superseded = (c.hasUsage() && usageBelow && !c.apart) || (!c.hasUsage() && len(c.below) > 0)
	}
	for _, c := range all {
		stands := func(a *refCall) bool { return a.hasUsage() && !a.superseded && !a.apart }
		c.leaf = c.superseded || (!c.hasUsage() && slices.ContainsFunc(c.above, stands))
		c.out = c.leaf
	}
	for _, c := range all {
		counts := slices.DeleteFunc(slices.Clone(c.below), func(d *refCall) bool { return d.out || (c.hasUsage() && !d.hasUsage()) })
		if c.superseded && len(counts) == 1 {
			counts[0].aliases = append(counts[0].aliases, c.ids()...)
		}
	}
}

// refIsApart: a model call whose answer has another id than those below it, and figures that are
// neither one of theirs nor their sum.
func refIsApart(c *refCall) bool {
	var input, output int64
	some := false
	for _, d := range c.below {
		if !d.hasUsage() {
			continue
		}
		if d.ResponseID == "" || d.ResponseID == c.ResponseID || oneOff(d.output(), c.output()) {
			return false
		}
		some = true
		input += d.input()
		output += d.output()
	}
	return c.Role == usage.RoleCall && c.ResponseID != "" && c.hasUsage() && some && (input != c.input() || !oneOff(output, c.output()))
}

// refAdmit reports whether two groups of records can be one call.
func refAdmit(a, b []*refCall, window time.Duration) bool {
	for _, x := range a {
		for _, y := range b {
			if sameSource(x, y) || x.Start.Sub(y.Start).Abs() > window {
				return false
			}
		}
	}
	return true
}

// refSameCalls puts records of one call together: they share an id, or one was logged inside the
// other's span; never two of one source. In the order of time, each looks for the nearest before it.
func refSameCalls(all []*refCall, window time.Duration) [][]*refCall {
	var calls [][]*refCall
	of := func(c *refCall) int {
		return slices.IndexFunc(calls, func(k []*refCall) bool { return slices.Contains(k, c) })
	}
	var before []*refCall
	for _, c := range all {
		if c.out {
			continue
		}
		calls = append(calls, []*refCall{c})
		for _, o := range slices.Backward(before) {
			shared := slices.ContainsFunc(o.ids(), func(id string) bool { return slices.Contains(c.ids(), id) })
			around := refAround(all, c)
			shared = shared || (around != nil && around == refAround(all, o))
			if i, j := of(c), of(o); shared && i != j && refAdmit(calls[i], calls[j], window) {
				calls[j] = append(calls[j], calls[i]...)
				calls = slices.Delete(calls, i, i+1)
			}
		}
		before = append(before, c)
	}
	return calls
}

// refAround returns the model call span that contains a record.
func refAround(all []*refCall, c *refCall) *refCall {
	if c.Signal == usage.SignalSpan {
		return c
	}
	for _, a := range all {
		if a.Signal == usage.SignalSpan && a.Role == usage.RoleCall && a.Trace == c.Trace && a.Span == c.Span {
			if len(a.below) == 1 {
				return a.below[0]
			}
			return a
		}
	}
	return nil
}

func (c *refCall) during() (from, to time.Time) {
	if c.Signal == usage.SignalLog {
		return c.Start.Add(-2 * time.Second), c.end().Add(2 * time.Second)
	}
	return c.Start, c.end()
}

func refDistance(a, b *refCall) time.Duration {
	return a.Start.Sub(b.Start).Abs() + a.end().Sub(b.end()).Abs()
}

func refSameModel(a, b string) bool {
	a, b = a[strings.LastIndex(a, "/")+1:], b[strings.LastIndex(b, "/")+1:]
	return a != "" && b != "" && (a == b || strings.HasPrefix(a, b+"-20") || strings.HasPrefix(b, a+"-20"))
}

func refModelFits(a, b *refCall) bool {
	return refSameModel(a.Model, b.Model) || refSameModel(a.Model, b.RequestModel) || refSameModel(a.RequestModel, b.Model)
}

// refMayTwin is what all twins must fulfil: two libraries of one process, no two ids, one model.
func refMayTwin(a, b *refCall) bool {
	return a.Role == usage.RoleCall && b.Role == usage.RoleCall && a.Process != 0 && a.Process == b.Process && a.Scope != b.Scope &&
		(a.ResponseID == "" || b.ResponseID == "") && (a.RequestID == "" || b.RequestID == "")
}

// refTwins joins calls that two libraries saw: equal figures, times that overlap; the nearest first.
func refTwins(calls [][]*refCall, window time.Duration) [][]*refCall {
	of := func(c *refCall) int {
		return slices.IndexFunc(calls, func(k []*refCall) bool { return slices.Contains(k, c) })
	}
	type pair struct{ a, b *refCall }
	var pairs []pair
	for i, k := range calls {
		for _, a := range k {
			for j, l := range calls {
				for _, b := range l {
					aFrom, aTo := a.during()
					bFrom, bTo := b.during()
					fits := refModelFits(a, b) || a.Model == "" || b.Model == ""
					if i != j && byTime(a, b) < 0 && a.hasUsage() && b.hasUsage() && refMayTwin(a, b) && fits &&
						a.input() == b.input() && oneOff(a.output(), b.output()) && !aFrom.After(bTo) && !bFrom.After(aTo) {
						pairs = append(pairs, pair{a, b})
					}
				}
			}
		}
	}
	slices.SortFunc(pairs, func(p, q pair) int {
		return cmp.Or(cmp.Compare(refDistance(p.a, p.b), refDistance(q.a, q.b)), byTime(p.a, q.a), byTime(p.b, q.b))
	})
	for _, p := range pairs {
		if i, j := of(p.a), of(p.b); i != j && refAdmit(calls[i], calls[j], window) {
			calls[i] = append(calls[i], calls[j]...)
			calls = slices.Delete(calls, j, j+1)
		}
	}
	return calls
}

// refTwinByTime reports whether a record without usage is one that another library reported: each is the
// nearest to the other. It gives way to another without usage only where that is more complete.
func refTwinByTime(all []*refCall, c *refCall) bool {
	twins := func(a, b *refCall) bool {
		aFrom, aTo := a.during()
		bFrom, bTo := b.during()
		nested := (!aFrom.After(bFrom) && !bTo.After(aTo)) || (!bFrom.After(aFrom) && !aTo.After(bTo))
		match := (!a.hasUsage() || !b.hasUsage()) && (a.hasUsage() || !a.Failed) && (b.hasUsage() || !b.Failed)
		fits := a.Model != "" && b.Model != "" && refModelFits(a, b)
		if (a.Failed && !a.hasUsage()) || (b.Failed && !b.hasUsage()) {
			match = a.Failed && b.Failed && (!a.hasUsage() || !b.hasUsage())
			fits = fits || a.Model == "" || b.Model == ""
		}
		return a != b && match && refMayTwin(a, b) && fits &&
			(a.Operation == "embeddings") == (b.Operation == "embeddings") && a.Start.Sub(b.Start).Abs() <= time.Second && nested
	}
	nearest := func(a *refCall, scope string) (best *refCall) {
		for _, b := range all {
			if b.Scope == scope && twins(a, b) && (best == nil || cmp.Or(cmp.Compare(refDistance(a, b), refDistance(a, best)), byTime(b, best)) < 0) {
				best = b
			}
		}
		return best
	}
	return !c.hasUsage() && slices.ContainsFunc(all, func(o *refCall) bool {
		return twins(c, o) && nearest(c, o.Scope) == o && nearest(o, c.Scope) == c && (o.hasUsage() || correlation.MoreComplete(&o.Call, &c.Call))
	})
}

// refWho: what the record that counts does not know, the others of the call do, and then the spans
// of their lines that it stands for.
func refWho(records []*refCall) usage.Attribution {
	who := records[0].OwnAttribution()
	for _, c := range records[1:] {
		who.FillFrom(c.OwnAttribution())
	}
	for _, c := range records {
		slices.SortFunc(c.below, byTime)
		for _, o := range slices.Concat(c.above, c.below) {
			if o.leaf {
				who.FillFrom(o.OwnAttribution())
			}
		}
	}
	if !records[0].Failed {
		who.ErrorMessage = ""
	}
	return who
}
