package console

import (
	"cmp"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLogsSorted: pages of every order hold every call that matches once, in order; unknown figures come last.
func TestLogsSorted(t *testing.T) {
	b := newBench(t, nil)
	b.manyGroups()
	b.calls(testNow.Add(-5_000_000_000))
	figures := map[string]func(*LogItem) *float64{
		"cost_usd": func(i *LogItem) *float64 {
			if i.Cost == nil {
				return nil
			}
			v := float64(*i.Cost)
			return &v
		},
		"total_tokens": func(i *LogItem) *float64 {
			if i.Total == nil {
				return nil
			}
			v := float64(*i.Total)
			return &v
		},
		"duration_ms": func(i *LogItem) *float64 { return i.DurationMS },
		"ttft_ms":     func(i *LogItem) *float64 { return i.TTFTMS },
	}
	for _, filter := range []string{"", "&model=m7&model=m8", "&q=" + url.QueryEscape("user:u1")} {
		want := b.allLogs(t, "limit=1000"+filter)
		oldestFirst := b.allLogs(t, "limit=77&sort=time&order=asc"+filter)
		slices.Reverse(oldestFirst)
		require.Equal(t, ids(want), ids(oldestFirst))
		for sort, figure := range figures {
			for _, order := range []string{"asc", "desc"} {
				got := b.allLogs(t, "limit=77&sort="+sort+"&order="+order+filter)
				sorted := slices.Clone(want) // newest first
				slices.SortStableFunc(sorted, func(x, y LogItem) int {
					a, c := figure(&x), figure(&y)
					switch {
					case a == nil || c == nil:
						return map[bool]int{true: 1}[a == nil && c != nil] - map[bool]int{true: 1}[a != nil && c == nil]
					case order == "asc":
						return cmp.Compare(*a, *c)
					}
					return cmp.Compare(*c, *a)
				})
				require.Equal(t, ids(sorted), ids(got), sort+" "+order+filter)
			}
		}
	}
	first := data[LogPage](b, "GET", "/logs?limit=5&sort=cost_usd", "", 200)
	requireProblem(t, b.do("GET", base+"/logs?limit=5&sort=duration_ms&cursor="+first.NextCursor, "", nil), 400)
	requireProblem(t, b.do("GET", base+"/logs?limit=5&cursor="+first.NextCursor, "", nil), 400)
	requireProblem(t, b.do("GET", base+"/logs?sort=model", "", nil), 400)
}

func ids(items []LogItem) (out []string) {
	for _, i := range items {
		out = append(out, i.ID)
	}
	return out
}

func (b *bench) allLogs(t *testing.T, query string) (out []LogItem) {
	t.Helper()
	for cursor := ""; ; {
		page := data[LogPage](b, "GET", "/logs?"+query+"&cursor="+cursor, "", 200)
		out = append(out, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return out
		}
	}
}
