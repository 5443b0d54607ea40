package series

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/hexdoc"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestFormatJournal reads the golden files of what writes change in the series, and of a snapshot.
func TestFormatJournal(t *testing.T) {
	o := Options{Labels: []Label{LabelProvider, LabelModel, LabelService, LabelKey, LabelStatus}, Max: 10}
	call := usage.Call{ // that of the golden files, which never change
		Start: time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC), Model: "gpt-4o", Provider: "openai", KeyFingerprint: "k1_00", Service: "my-app",
		Status: 200, Duration: 2 * time.Second, TTFT: 500 * time.Millisecond, Cost: 6_000_000,
		Tokens: usage.Tokens{InputUncached: 1200, OutputText: 300, Fields: usage.HasInput | usage.HasOutput},
	}
	fresh := New(o)
	journal := fresh.Journal([]usage.Change{{Call: &call, N: 1}})
	fresh.Commit()
	want, wantTimings := fresh.Expose()
	require.Len(t, want, 1)

	for _, name := range []string{"journal", "journal-single", "snapshot"} {
		golden, err := hexdoc.File("testdata/formats/" + name + ".hex")
		require.NoError(t, err)
		s := New(o)
		require.NoError(t, s.Apply(golden), name)
		got, gotTimings := s.Expose()
		require.Equal(t, want, got, name)
		require.Equal(t, wantTimings, gotTimings, name)
		if name == "journal" {
			require.Equal(t, golden, journal, "the format changed: it needs another kind of part, and this file stays")
		}
		if name != "journal-single" {
			example, err := hexdoc.Example("../../../docs/formats/journal.md", name)
			require.NoError(t, err)
			require.Equal(t, golden, example)
		}
		other := New(Options{Labels: []Label{LabelModel}, Max: 10})
		require.ErrorIs(t, other.Apply(golden), ErrOtherSeries)
	}
}
