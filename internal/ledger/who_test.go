package ledger

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestInherited: the span of a gateway has key and user, the call below it counts: it counts for them,
// whichever came first, also after a restart; and no more when the gateway's span turns out to be of
// another call.
func TestInherited(t *testing.T) {
	gateway := testRecord{name: "gw", out: 5, scope: "gateway", attribution: usage.Attribution{KeyFingerprint: "f", KeyDisplay: "sk-…", User: "ann", Project: "p"}}
	call := testRecord{name: "c", parent: "gw", out: 5, scope: "sdk", attribution: usage.Attribution{User: "own"}}
	want := usage.Attribution{KeyFingerprint: "f", KeyDisplay: "sk-…", User: "own", Project: "p"}
	for name, order := range map[string][]testRecord{"gateway first": {gateway, call}, "call first": {call, gateway}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l, _ := open(t, dir, Options{})
			for _, r := range order {
				commit(t, l, r)
			}
			require.Equal(t, want, whoCounts(t, l))
			require.EqualValues(t, 1, callsOfKey(t, l, "f"))
			require.NoError(t, l.Close())

			l, _ = open(t, dir, Options{})
			require.Equal(t, want, whoCounts(t, l))
			require.EqualValues(t, 1, callsOfKey(t, l, "f"))
			commit(t, l, call) // a repetition takes nothing away
			require.Equal(t, want, whoCounts(t, l))
			larger := call
			larger.request = "more"
			commit(t, l, larger)
			require.Equal(t, want, whoCounts(t, l))
			// a more complete delivery of the gateway's span has another user
			known := gateway
			known.attribution.Session, known.request = "s", "gw-1"
			commit(t, l, known)
			want := want
			want.Session = "s"
			require.Equal(t, want, whoCounts(t, l))
			requireConsistent(t, l)
			// and one that is no parent of the call any more passes on nothing
			elsewhere := known
			elsewhere.out, elsewhere.response = 50, "r9"
			commit(t, l, elsewhere, testRecord{name: "c", parent: "gw", out: 5, scope: "sdk", response: "r8", request: "more", attribution: usage.Attribution{User: "own"}})
			require.EqualValues(t, 2, total(t, l).Calls)
			require.EqualValues(t, 1, callsOfKey(t, l, "f"))
			requireConsistent(t, l)
			require.NoError(t, l.Close())
		})
	}
}

func whoCounts(t *testing.T, l *Ledger) usage.Attribution {
	var counted []usage.Attribution
	for _, r := range stored(t, l) {
		if r.Counted {
			counted = append(counted, usage.Attribution{KeyFingerprint: r.KeyFingerprint, KeyDisplay: r.KeyDisplay, User: r.User, Project: r.Project, Session: r.Session})
		}
	}
	require.Len(t, counted, 1)
	return counted[0]
}

func callsOfKey(t *testing.T, l *Ledger, fingerprint string) int64 {
	a, err := l.Query(context.Background(), Query{By: ByKey})
	require.NoError(t, err)
	for _, g := range a.Groups {
		if g.Value == fingerprint {
			return g.Points[0].Calls
		}
	}
	return 0
}
