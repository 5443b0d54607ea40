package sources

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestQuotasAreBounded: accounts, windows and points have their limits; the newest stay.
func TestQuotasAreBounded(t *testing.T) {
	var q Quotas
	from := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for i := range MaxAccounts + 10 {
		q.Note(fmt.Sprintf("a%03d", i), "openai", from.Add(time.Duration(i)*time.Second), Quota{Status: "allowed"})
	}
	all := q.All()
	require.Len(t, all, MaxAccounts)
	require.Equal(t, "a010", all[0].Name, "those that were not seen for longest are left out")
	q.Note("old", "openai", from.Add(-time.Hour), Quota{})
	require.Equal(t, all, q.All())
	for i := range 2 * MaxPoints {
		at := from.Add(time.Hour + time.Duration(i)*pointEvery)
		said := Quota{Windows: []Window{{Length: 5 * time.Hour, UsedPercent: float64(i % 100), At: at}}}
		for k := range 2 * MaxWindows {
			said.Add(Window{Length: time.Duration(k+1) * 24 * time.Hour, At: at})
		}
		q.Note("a010", "openai", at, said)
	}
	a := q.All()[0]
	require.Len(t, a.Windows, MaxWindows)
	require.Equal(t, "5h", a.Windows[0].Name())
	require.Len(t, a.Windows[0].Points, MaxPoints)
	require.Equal(t, a.Windows[0].At, a.Windows[0].Points[MaxPoints-1].At)
	b, err := q.Save()
	require.NoError(t, err)
	var again Quotas
	require.NoError(t, again.Load(b))
	require.Equal(t, q.All(), again.All())
	b, err = q.Save()
	require.NoError(t, err)
	require.Nil(t, b, "nothing has changed")
	require.Error(t, again.Load([]byte("{")))
}

func TestWindowNames(t *testing.T) {
	for length, want := range map[time.Duration]string{5 * time.Hour: "5h", 7 * 24 * time.Hour: "7d", 90 * time.Minute: "90m", 24 * time.Hour: "1d"} {
		w := Window{Length: length}
		require.Equal(t, want, w.Name())
	}
}
