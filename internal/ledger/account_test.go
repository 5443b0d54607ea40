package ledger

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// testRecord is one record in a test, by names instead of ids.
type testRecord struct {
	name, parent string // span names within the trace; of a log record parent is the span it was written in
	trace        string // "" is trace "t"; "-" is none
	role         usage.Role
	log          bool
	out          int64 // output tokens; 0: no usage
	response     string
	request      string
	scope        string
	process      uint64
	group        string
	echo         bool
	at, lasts    time.Duration
	model        string // "" is "m", "-" none
	failed       bool
	in           int64 // input tokens, where there is usage
	attribution  usage.Attribution
	operation    string
}

var testStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// nameHash makes ids of names, the same in every process.
func nameHash(kind byte, name string) [16]byte {
	sum := sha256.Sum256(append([]byte{kind, 0}, name...))
	return [16]byte(sum[:16])
}

func spanID(name string) usage.SpanID {
	if name == "" {
		return usage.SpanID{}
	}
	k := nameHash('s', name)
	return usage.SpanID(k[:8])
}

func (r testRecord) traceID() usage.TraceID {
	if r.trace == "-" {
		return usage.TraceID{}
	}
	return usage.TraceID(nameHash('t', r.trace+"t"))
}

func (r testRecord) call() usage.Call {
	c := usage.Call{
		Trace: r.traceID(), Role: r.role, Start: testStart.Add(r.at), Model: "m", ResponseID: r.response,
		RequestID: r.request, Scope: r.scope, Process: r.process, SignalGroup: r.group, SecondarySignal: r.echo,
	}
	c.Duration, c.Failed, c.Operation = r.lasts, r.failed, r.operation
	c.KeyFingerprint, c.KeyDisplay, c.User, c.Project, c.Session = r.attribution.KeyFingerprint, r.attribution.KeyDisplay, r.attribution.User, r.attribution.Project, r.attribution.Session
	c.Account, c.Tier = r.attribution.Account, r.attribution.Tier
	if c.Failed {
		c.ErrorMessage = r.attribution.ErrorMessage
	}
	if r.model != "" {
		if c.Model = r.model; r.model == "-" {
			c.Model, c.RequestModel = "", ""
		}
	}
	if c.Role == usage.RoleNone {
		c.Role = usage.RoleCall
	}
	if r.out != 0 {
		c.Tokens = usage.Tokens{InputUncached: r.in, OutputText: r.out, Fields: usage.HasInput | usage.HasOutput}
	}
	if r.log {
		k := nameHash('l', r.name)
		copy(c.ID[:], k[:])
		c.ID[23] = 1
		c.Signal, c.Span = usage.SignalLog, spanID(r.parent)
		return c
	}
	c.Span, c.Parent = spanID(r.name), spanID(r.parent)
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	if c.Trace.IsZero() {
		c.ID[0] = 1
	}
	return c
}

func (r testRecord) link() usage.SpanParent {
	return usage.SpanParent{Trace: r.traceID(), Span: spanID(r.name), Parent: spanID(r.parent), Tool: r.role == usage.RoleTool}
}

// isLink reports whether a record is a span that is no call.
func (r testRecord) isLink() bool {
	return r.role == linkRole || (r.role == usage.RoleTool && r.out == 0)
}

const linkRole = usage.Role(200)

var accountCases = map[string]struct {
	records []testRecord
	counted []string
}{
	"twins of two libraries in one process": {
		records: []testRecord{
			{name: "a", trace: "1", out: 5, process: 1, scope: "sdk", model: "claude-sonnet-4-5-20250929", lasts: time.Second},
			{name: "b", trace: "2", out: 6, process: 1, scope: "instrumentation", model: "claude-sonnet-4-5", at: time.Millisecond, lasts: 2 * time.Second},
		},
		counted: []string{"b"},
	},
	"a parent that was written over by a call of its own counts beside its children": {
		records: []testRecord{
			{name: "p", out: 50, response: "r1"},
			{name: "a", parent: "p", out: 20, response: "r2"},
			{name: "b", parent: "p", out: 10, response: "r3"},
			{name: "c", parent: "b"},
		},
		counted: []string{"a", "b", "p"},
	},
	"a parent with an id of its own that reports its children's sum does not count": {
		records: []testRecord{
			{name: "p", out: 30, response: "r1"},
			{name: "a", parent: "p", out: 20, response: "r2"},
			{name: "b", parent: "p", out: 10, response: "r3"},
		},
		counted: []string{"a", "b"},
	},
	"a log record beside a span of another scope, without an id in common": {
		records: []testRecord{
			{name: "s", out: 5, process: 1, scope: "spans", at: time.Second, lasts: time.Millisecond, request: "q"},
			{name: "l", trace: "-", log: true, out: 5, process: 1, scope: "logs"},
			{name: "later", trace: "-", log: true, out: 5, process: 1, scope: "logs", at: time.Minute},
		},
		counted: []string{"later", "s"},
	},
	"two equal calls at once that two libraries saw stay two": {
		records: []testRecord{
			{name: "a", trace: "1", out: 5, process: 1, scope: "x", lasts: time.Second},
			{name: "a'", trace: "2", out: 5, process: 1, scope: "y", at: time.Millisecond, lasts: time.Second, response: "r1"},
			{name: "b", trace: "3", out: 5, process: 1, scope: "x", at: 10 * time.Millisecond, lasts: time.Second},
			{name: "b'", trace: "4", out: 5, process: 1, scope: "y", at: 11 * time.Millisecond, lasts: time.Second, response: "r2"},
		},
		counted: []string{"a'", "b'"},
	},
	"three libraries saw one call": {
		records: []testRecord{
			{name: "a", trace: "1", out: 5, process: 1, scope: "x", lasts: time.Second},
			{name: "b", trace: "2", out: 5, process: 1, scope: "y", lasts: time.Second, response: "r1"},
			{name: "c", trace: "3", out: 5, process: 1, scope: "z", lasts: time.Second},
		},
		counted: []string{"b"},
	},
	"no twins: another process, no overlap, another model, other figures, two answers, one library": {
		records: []testRecord{
			{name: "a", trace: "1", out: 5, process: 1, scope: "x", lasts: time.Second},
			{name: "b", trace: "2", out: 5, process: 2, scope: "y", lasts: time.Second},
			{name: "c", trace: "3", out: 5, process: 1, scope: "y", at: 2 * time.Second, lasts: time.Second},
			{name: "d", trace: "4", out: 5, process: 1, scope: "y", lasts: time.Second, model: "m2"},
			{name: "e", trace: "5", out: 7, process: 1, scope: "y", lasts: time.Second},
			{name: "f", trace: "6", out: 100, process: 1, scope: "x", lasts: time.Second, response: "r1"},
			{name: "g", trace: "7", out: 100, process: 1, scope: "y", lasts: time.Second, response: "r2"},
			{name: "h", trace: "8", out: 5, process: 1, scope: "x", lasts: time.Second},
		},
		counted: []string{"a", "b", "c", "d", "e", "f", "g", "h"},
	},
	"a library that cannot see the usage reports the call of one that can": {
		records: []testRecord{
			{name: "sees", trace: "1", out: 5, process: 1, scope: "x", lasts: 2 * time.Second},
			{name: "blind", trace: "2", process: 1, scope: "y", at: 10 * time.Millisecond, lasts: time.Second},
		},
		counted: []string{"sees"},
	},
	"a failed call that two libraries saw is one; beside a success it is another attempt": {
		records: []testRecord{
			{name: "a", trace: "1", process: 1, scope: "x", failed: true, lasts: time.Second},
			{name: "b", trace: "2", process: 1, scope: "y", failed: true, lasts: time.Second, request: "more"},
			{name: "ok", trace: "3", out: 5, process: 1, scope: "z", lasts: 2 * time.Second},
		},
		counted: []string{"b", "ok"},
	},
	"a call without usage that two libraries saw is one; a second call is another": {
		records: []testRecord{
			{name: "a", trace: "1", process: 1, scope: "x", lasts: time.Second},
			{name: "a'", trace: "2", process: 1, scope: "y", at: 10 * time.Millisecond, lasts: 900 * time.Millisecond, request: "more"},
			{name: "b", trace: "3", process: 1, scope: "x", at: 1100 * time.Millisecond, lasts: time.Second},
		},
		counted: []string{"a'", "b"},
	},
	"a failed call of which one library does not know the model is one": {
		records: []testRecord{
			{name: "a", trace: "1", process: 1, scope: "x", failed: true, lasts: time.Second},
			{name: "a'", trace: "2", process: 1, scope: "y", failed: true, at: 10 * time.Millisecond, lasts: 900 * time.Millisecond, model: "-"},
		},
		counted: []string{"a"},
	},
	"twins of which one names the provider with the model": {
		records: []testRecord{
			{name: "a", trace: "1", out: 5, process: 1, scope: "x", lasts: time.Second, model: "openai/m"},
			{name: "a'", trace: "2", out: 5, process: 1, scope: "y", lasts: time.Second, model: "m", response: "r"},
			{name: "b", trace: "3", out: 5, process: 1, scope: "x", at: 2 * time.Second, lasts: time.Second, model: "other/n"},
			{name: "b'", trace: "4", out: 5, process: 1, scope: "y", at: 2 * time.Second, lasts: time.Second, model: "m", response: "s"},
		},
		counted: []string{"a'", "b", "b'"},
	},
	"two calls at once of which a library sees no usage stay two": {
		records: []testRecord{
			{name: "s1", trace: "1", out: 5, process: 1, scope: "x", lasts: time.Second},
			{name: "s2", trace: "2", out: 7, process: 1, scope: "x", at: 50 * time.Millisecond, lasts: time.Second},
			{name: "b1", trace: "3", process: 1, scope: "y", at: time.Millisecond, lasts: 990 * time.Millisecond},
			{name: "b2", trace: "4", process: 1, scope: "y", at: 51 * time.Millisecond, lasts: 990 * time.Millisecond},
			{name: "b3", trace: "5", process: 1, scope: "y", at: 60 * time.Millisecond, lasts: 980 * time.Millisecond},
		},
		counted: []string{"b3", "s1", "s2"},
	},
	"a failed call of which one library has the input, and another nothing, is one call": {
		records: []testRecord{
			{name: "s", trace: "1", out: 5, process: 1, scope: "x", failed: true, at: time.Millisecond, lasts: 900 * time.Millisecond},
			{name: "a", trace: "2", process: 1, scope: "y", failed: true, lasts: time.Second},
			{name: "b", trace: "3", process: 1, scope: "z", lasts: time.Second},
		},
		counted: []string{"s"},
	},
	"a failed call beside a success that has usage is another attempt": {
		records: []testRecord{
			{name: "s", trace: "1", out: 5, process: 1, scope: "x", at: time.Millisecond, lasts: 900 * time.Millisecond},
			{name: "a", trace: "2", process: 1, scope: "y", failed: true, lasts: time.Second},
		},
		counted: []string{"a", "s"},
	},
	"no quiet twins: later, not nested, another model, another operation, another process, one library": {
		records: []testRecord{
			{name: "s", trace: "1", out: 5, process: 1, scope: "x", at: 5 * time.Second, lasts: 2 * time.Second},
			{name: "a", trace: "2", process: 1, scope: "y", at: 6500 * time.Millisecond, lasts: 200 * time.Millisecond},
			{name: "b", trace: "3", process: 1, scope: "y", at: 5500 * time.Millisecond, lasts: 3 * time.Second},
			{name: "c", trace: "4", process: 1, scope: "y", at: 5 * time.Second, lasts: time.Second, model: "m2"},
			{name: "d", trace: "5", process: 1, scope: "y", at: 5 * time.Second, lasts: time.Second, operation: "embeddings"},
			{name: "e", trace: "6", process: 2, scope: "y", at: 5 * time.Second, lasts: time.Second},
			{name: "f", trace: "7", process: 1, scope: "x", at: 5 * time.Second, lasts: time.Second},
		},
		counted: []string{"a", "b", "c", "d", "e", "f", "s"},
	},
	"a single call counts": {
		records: []testRecord{{name: "a", out: 5}},
		counted: []string{"a"},
	},
	"a failed call counts": {
		records: []testRecord{{name: "a"}},
		counted: []string{"a"},
	},
	"a parent that repeats its child does not count": {
		records: []testRecord{{name: "p", role: usage.RoleAggregate, out: 5}, {name: "c", parent: "p", out: 5}},
		counted: []string{"c"},
	},
	"an aggregate with nothing below it counts": {
		records: []testRecord{{name: "p", role: usage.RoleAggregate, out: 5}},
		counted: []string{"p"},
	},
	"three levels with foreign spans between": {
		records: []testRecord{
			{name: "agent", role: usage.RoleAggregate, out: 30},
			{name: "x", parent: "agent", role: linkRole},
			{name: "step", parent: "x", role: usage.RoleAggregate, out: 30},
			{name: "y", parent: "step", role: linkRole},
			{name: "z", parent: "y", role: linkRole},
			{name: "c1", parent: "z", out: 10}, {name: "c2", parent: "y", out: 20},
		},
		counted: []string{"c1", "c2"},
	},
	"a call inside a call of another layer": {
		records: []testRecord{{name: "a", out: 7}, {name: "b", parent: "a", out: 7}},
		counted: []string{"b"},
	},
	"a model call made by a tool of a model call is another call": {
		records: []testRecord{
			{name: "a", out: 7},
			{name: "tool", parent: "a", role: usage.RoleTool},
			{name: "b", parent: "tool", out: 3},
		},
		counted: []string{"a", "b"},
	},
	"an aggregate covers the calls that its tools make": {
		records: []testRecord{
			{name: "agent", role: usage.RoleAggregate, out: 10},
			{name: "a", parent: "agent", out: 7},
			{name: "tool", parent: "agent", role: usage.RoleTool},
			{name: "b", parent: "tool", out: 3},
		},
		counted: []string{"a", "b"},
	},
	"a tool that has usage gives way to the call inside it": {
		records: []testRecord{{name: "tool", role: usage.RoleTool, out: 3}, {name: "b", parent: "tool", out: 3}},
		counted: []string{"b"},
	},
	"a failed call seen by two layers is one": {
		records: []testRecord{{name: "a"}, {name: "b", parent: "a"}},
		counted: []string{"b"},
	},
	"a failed attempt beside the one that succeeded is a call": {
		records: []testRecord{
			{name: "p", role: usage.RoleAggregate, out: 9},
			{name: "failed", parent: "p"},
			{name: "ok", parent: "p", out: 9},
		},
		counted: []string{"failed", "ok"},
	},
	"a root that alone has usage stands for its line": {
		records: []testRecord{{name: "p", out: 9}, {name: "c", parent: "p"}},
		counted: []string{"p"},
	},
	"spans that are each other's parents": {
		records: []testRecord{{name: "a", parent: "b", out: 4}, {name: "b", parent: "a", out: 4}},
		counted: []string{"b"}, // the span with the smaller id is taken for the root
	},
	"a span that is its own parent": {
		records: []testRecord{{name: "a", parent: "a", out: 4}},
		counted: []string{"a"},
	},
	"log and span with one request id": {
		records: []testRecord{
			{name: "s", out: 4, request: "q", scope: "tracing"},
			{name: "l", log: true, parent: "interaction", out: 4, request: "q", scope: "events", response: "r"},
		},
		counted: []string{"l"},
	},
	"unrelated roots with one response id": {
		records: []testRecord{
			{name: "a", trace: "1", out: 4, response: "r", scope: "sdk"},
			{name: "b", trace: "2", out: 4, response: "r", scope: "instrumentation", request: "q"},
		},
		counted: []string{"b"},
	},
	"one source, one response id: a gateway that answers from its cache": {
		records: []testRecord{
			{name: "a", trace: "1", out: 4, response: "r", scope: "gw"},
			{name: "b", trace: "2", out: 4, response: "r", scope: "gw", at: time.Minute},
		},
		counted: []string{"a", "b"},
	},
	"cached answers of a gateway, seen by the application too, pair up by time": {
		records: []testRecord{
			{name: "app1", trace: "1", out: 4, response: "r", scope: "app"},
			{name: "gw1", trace: "2", out: 5, response: "r", scope: "gw", at: time.Second},
			{name: "app2", trace: "3", out: 4, response: "r", scope: "app", at: time.Minute},
			{name: "gw2", trace: "4", out: 5, response: "r", scope: "gw", at: time.Minute + time.Second},
		},
		counted: []string{"gw1", "gw2"},
	},
	"the same id a week later is another call": {
		records: []testRecord{
			{name: "a", trace: "1", out: 4, response: "r", scope: "a"},
			{name: "b", trace: "2", out: 4, response: "r", scope: "b", at: 7 * 24 * time.Hour},
		},
		counted: []string{"a", "b"},
	},
	"the id of a superseded parent is the id of its child": {
		records: []testRecord{
			{name: "p", out: 4, response: "r", scope: "a"},
			{name: "c", parent: "p", out: 4, scope: "b"},
			{name: "other", trace: "2", out: 4, response: "r", scope: "c", process: 9, request: "more"},
		},
		counted: []string{"other"},
	},
	"the id of an agent is not the id of its steps": {
		records: []testRecord{
			{name: "p", role: usage.RoleAggregate, out: 9, response: "r", scope: "a"},
			{name: "c1", parent: "p", out: 4, scope: "b"}, {name: "c2", parent: "p", out: 5, scope: "b"},
			{name: "l", trace: "-", log: true, out: 5, response: "r", scope: "c"},
		},
		counted: []string{"c1", "c2", "l"},
	},
	"a log record written in a model call's span is that call": {
		records: []testRecord{{name: "s", scope: "a"}, {name: "l", log: true, parent: "s", out: 5, scope: "a"}},
		counted: []string{"l"},
	},
	"echoes count while nothing more complete came": {
		records: []testRecord{
			{name: "e1", trace: "1", out: 5, group: "g", echo: true},
			{name: "e2", trace: "2", out: 6, group: "g", echo: true},
		},
		counted: []string{"e1", "e2"},
	},
	"echoes give way to the more complete kind of record": {
		records: []testRecord{
			{name: "e1", trace: "1", out: 5, group: "g", echo: true},
			{name: "l1", trace: "-", log: true, out: 7, group: "g"},
			{name: "e2", trace: "2", out: 6, group: "g", echo: true},
			{name: "e3", trace: "3", out: 6, group: "other", echo: true},
		},
		counted: []string{"e3", "l1"},
	},
}

// TestResolve adds the records of each case to an index in many orders: the outcome is the same.
func TestResolve(t *testing.T) {
	for name, tc := range accountCases {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for range 50 {
				records := slices.Clone(tc.records)
				rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
				x := correlation.New(true)
				names := map[*store.Record]string{}
				for _, r := range records {
					if r.isLink() {
						x.AddSpanParent(r.link(), testStart)
						continue
					}
					put := &store.Record{Call: r.call()}
					p := correlation.Precompute(&put.Call)
					x.Add(put, &p, testStart)
					names[put] = r.name
				}
				var counted []string
				decided := 0
				x.Decide(24*time.Hour, func(o *correlation.Outcome) {
					if decided++; o.Now.Counted {
						counted = append(counted, names[o.Arrived])
					}
				})
				require.Equal(t, len(names), decided)
				slices.Sort(counted)
				require.Equal(t, tc.counted, counted, fmt.Sprint(records))
			}
			batch := batchOf(tc.records)
			var reckoned []string
			verdicts := reference(batch, 24*time.Hour)
			for _, r := range tc.records {
				if !r.isLink() && verdicts[r.call().ID].counted {
					reckoned = append(reckoned, r.name)
				}
			}
			slices.Sort(reckoned)
			require.Equal(t, tc.counted, reckoned, "the reference accountant")
		})
	}
}
