package calls_test

import (
	"cmp"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

// TestLogsSorted: pages of every order hold every call that matches once, in order; unknown figures come last.
func TestLogsSorted(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.ManyGroups()
	b.Calls(consoletest.TestNow.Add(-5_000_000_000))
	figures := map[string]func(*calls.LogItem) *float64{
		"cost_usd": func(i *calls.LogItem) *float64 {
			if i.Cost == nil {
				return nil
			}
			v := float64(*i.Cost)
			return &v
		},
		"total_tokens": func(i *calls.LogItem) *float64 {
			if i.Total == nil {
				return nil
			}
			v := float64(*i.Total)
			return &v
		},
		"duration_ms": func(i *calls.LogItem) *float64 { return i.DurationMS },
		"ttft_ms":     func(i *calls.LogItem) *float64 { return i.TTFTMS },
	}
	for _, filter := range []string{"", "&model=m7&model=m8", "&q=" + url.QueryEscape("user:u1")} {
		want := b.AllLogs(t, "limit=1000"+filter)
		oldestFirst := b.AllLogs(t, "limit=77&sort=time&order=asc"+filter)
		slices.Reverse(oldestFirst)
		require.Equal(t, ids(want), ids(oldestFirst))
		for sort, figure := range figures {
			for _, order := range []string{"asc", "desc"} {
				got := b.AllLogs(t, "limit=77&sort="+sort+"&order="+order+filter)
				sorted := slices.Clone(want) // newest first
				slices.SortStableFunc(sorted, func(x, y calls.LogItem) int {
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
	first := consoletest.Data[calls.LogPage](b, "GET", "/logs?limit=5&sort=cost_usd", "", 200)
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/logs?limit=5&sort=duration_ms&cursor="+first.NextCursor, "", nil), 400)
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/logs?limit=5&cursor="+first.NextCursor, "", nil), 400)
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/logs?sort=model", "", nil), 400)
}

func ids(items []calls.LogItem) (out []string) {
	for _, i := range items {
		out = append(out, i.ID)
	}
	return out
}
