package calls_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

func TestLogPagesAndItems(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	var times []time.Time
	for i := range 25 {
		times = append(times, consoletest.TestNow.Add(-time.Duration(i)*time.Minute))
	}
	b.Calls(times...)
	var seen []calls.LogItem
	for cursor := ""; ; {
		page := consoletest.Data[calls.LogPage](b, "GET", "/logs?limit=10&cursor="+cursor, "", 200)
		seen = append(seen, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	require.Len(t, seen, 25)
	for i, item := range seen {
		require.True(t, item.Time.Equal(times[i]), "newest first")
		require.Equal(t, item, consoletest.Data[calls.LogItem](b, "GET", "/logs/"+item.ID, "", 200))
		require.Nil(t, item.Cost, "not known is not zero")
		require.Nil(t, item.CacheRead)
		require.EqualValues(t, 3, *item.Total)
	}
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/logs/"+strings.Repeat("0", 64), "", nil), 404)
}
