package rollup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/hexdoc"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const formatDocuments = "../../docs/formats/"

// formatStart is the beginning of the day of the golden files, 20782 days after the Unix epoch.
var formatStart = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// formatCalls are the calls of the golden files: three of one model in two base buckets, one of
// another. They never change, or the files would not be those of an older version.
func formatCalls() []usage.Call {
	call := func(at time.Duration, model string, in int64, cost usage.NanoUSD) usage.Call {
		return usage.Call{
			Start: formatStart.Add(at), Model: model, Provider: "openai", KeyFingerprint: "k1_00", Service: "my-app", Status: 200,
			Duration: 2 * time.Second, TTFT: 500 * time.Millisecond, Cost: cost,
			Tokens: usage.Tokens{InputUncached: in, OutputText: 300, Fields: usage.HasInput | usage.HasOutput},
		}
	}
	return []usage.Call{
		call(time.Hour, "gpt-4o", 1200, 6_000_000), call(time.Hour+time.Minute, "gpt-4o", 200, 3_500_000),
		call(2*time.Hour, "gpt-4o", 1200, 6_000_000), call(time.Hour, "o3", 10, 100),
	}
}

func formatGolden(t *testing.T, name string) []byte {
	t.Helper()
	golden, err := hexdoc.File("testdata/formats/" + name + ".hex")
	require.NoError(t, err)
	return golden
}

func formatExample(t *testing.T, document, name string, golden []byte) {
	t.Helper()
	example, err := hexdoc.Example(formatDocuments+document, name)
	require.NoError(t, err)
	require.Equal(t, golden, example)
}

// formatSums makes the sums of the calls, with the version of pages that the golden files have.
func formatSums(t *testing.T, a Dimension) (*Rollup, Page) {
	t.Helper()
	r, at := New(Options{}), Page{Day: DayOf(formatStart), Dimension: a}
	calls := formatCalls()
	for i := range calls {
		r.Add(&calls[i], 1)
	}
	r.days[at.Day][a].version = 0
	require.NoError(t, r.MergeChanges(ctx, at))
	r.Encode(&at)
	return r, at
}

// totals returns the sums of a day by value, all of it and the first quarter in which there were calls.
func totals(t *testing.T, r *Rollup, a Dimension) map[Value][2]Sums {
	t.Helper()
	day := DayOf(formatStart) * bucketsPerDay
	out := map[Value][2]Sums{}
	for i, edges := range [][]int64{{day, day + bucketsPerDay}, {day + 4, day + 5}} {
		byMember := map[Value][]Sums{}
		require.NoError(t, r.Sum(ctx, Query{Dimension: a, Edges: edges, Points: func(m Value) []Sums {
			if byMember[m] == nil {
				byMember[m] = make([]Sums, 1)
			}
			return byMember[m]
		}}))
		for m, s := range byMember {
			both := out[m]
			both[i].Merge(&s[0])
			out[m] = both
		}
	}
	return out
}

// TestFormatPages reads the golden files of pages of sums, of both versions, and compares what is written
// today with those of the newest, and with the examples in the document.
func TestFormatPages(t *testing.T) {
	for _, c := range []struct {
		name string
		axis Dimension
	}{{"models", Models}, {"keys", Keys}} {
		t.Run(c.name, func(t *testing.T) {
			fresh, now := formatSums(t, c.axis)
			want := totals(t, fresh, c.axis)
			require.NotEmpty(t, want)
			page, slots := formatGolden(t, "page-2-"+c.name), formatGolden(t, "slots-2-"+c.name)

			r := New(Options{})
			require.NoError(t, r.Load(Page{Day: now.Day, Dimension: c.axis, Data: page, Parts: [Hists + 1][]byte{Buckets: slots}}))
			require.Equal(t, want, totals(t, r, c.axis))
			require.Empty(t, r.Dirty())

			require.Equal(t, page, now.Data, "the format changed: it needs another version, and this file stays")
			require.Equal(t, slots, now.Parts[Buckets], "the format changed: it needs another version, and this file stays")
			if c.axis == Models {
				formatExample(t, "sums.md", "page-2", page)
				formatExample(t, "sums.md", "slots-2", slots)
			}

			old := New(Options{})
			require.NoError(t, old.Load(Page{Day: now.Day, Dimension: c.axis, Data: formatGolden(t, "page-1-"+c.name)}))
			require.Equal(t, want, totals(t, old, c.axis))
			require.Len(t, old.Dirty(), 1, "it is saved as a page of today")
			if c.axis == Keys {
				require.Equal(t, fresh.LastUsed("k1_00"), r.LastUsed("k1_00"))
				require.Equal(t, fresh.LastUsed("k1_00"), old.LastUsed("k1_00"))
			}
		})
	}
}
