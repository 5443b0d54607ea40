package ledger

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestInherited: the span of a gateway has key and user, the call below it counts: it counts for them,
// whichever came first, also after a restart; and no more when the gateway's span turns out to be of
// another call.
func TestInherited(t *testing.T) {
	gateway := testRecord{name: "gw", out: 5, scope: "gateway", attribution: usage.Attribution{KeyFingerprint: "f", KeyDisplay: "sk-…", User: "ann", Project: "p", Account: "01ab", Tier: usage.TierBatch}}
	call := testRecord{name: "c", parent: "gw", out: 5, scope: "sdk", attribution: usage.Attribution{User: "own"}}
	want := usage.Attribution{KeyFingerprint: "f", KeyDisplay: "sk-…", User: "own", Project: "p", Account: "01ab", Tier: usage.TierBatch}
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
			counted = append(counted, usage.Attribution{KeyFingerprint: r.KeyFingerprint, KeyDisplay: r.KeyDisplay, User: r.User, Project: r.Project, Session: r.Session, Account: r.Account, Tier: r.Tier, ErrorMessage: r.ErrorMessage})
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

// TestInheritedMessage: a failed call has the message of its own record, else of the records that it stands for, whichever
// came first, in a delivery of either that is more complete, and after a restart. A call that did not fail has none.
func TestInheritedMessage(t *testing.T) {
	framework := testRecord{name: "f", scope: "framework", failed: true, attribution: usage.Attribution{ErrorMessage: "slow down"}}
	call := testRecord{name: "c", parent: "f", scope: "sdk", failed: true}
	for name, order := range map[string][]testRecord{"outer first": {framework, call}, "inner first": {call, framework}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l, _ := open(t, dir, Options{})
			for _, r := range append(order, order...) {
				commit(t, l, r)
			}
			require.Equal(t, "slow down", whoCounts(t, l).ErrorMessage)
			require.NoError(t, l.Close())

			l, _ = open(t, dir, Options{})
			commit(t, l, order...)
			require.Equal(t, "slow down", whoCounts(t, l).ErrorMessage)
			own := call
			own.attribution.ErrorMessage = "429 slow down"
			commit(t, l, own)
			require.Equal(t, "429 slow down", whoCounts(t, l).ErrorMessage)
			requireConsistent(t, l)
			fine := own
			fine.failed, fine.out = false, 9
			commit(t, l, fine)
			require.Empty(t, whoCounts(t, l).ErrorMessage, "it did not fail, as its fuller record says")
			requireConsistent(t, l)
			require.NoError(t, l.Close())
		})
	}
}

// TestInheritedTier: the tier that only a superseded record of the call names decides what the call costs, whichever came
// first, and no more when that record turns out to be of another call.
func TestInheritedTier(t *testing.T) {
	gateway := testRecord{name: "gw", out: 100, in: 100, scope: "gateway", model: "gpt-4o", attribution: usage.Attribution{Tier: usage.TierBatch, Account: "01ab"}}
	call := testRecord{name: "c", parent: "gw", out: 100, in: 100, scope: "sdk", model: "gpt-4o"}
	book, err := pricing.Default()
	require.NoError(t, err)
	standard := call.call()
	full, priced := book.Price(&standard)
	require.True(t, priced)
	for name, order := range map[string][]testRecord{"gateway first": {gateway, call}, "call first": {call, gateway}} {
		t.Run(name, func(t *testing.T) {
			l, _ := open(t, t.TempDir(), Options{Prices: book})
			for _, r := range order {
				commit(t, l, r)
			}
			require.Equal(t, full/2, total(t, l).Cost)
			require.Equal(t, usage.Attribution{Tier: usage.TierBatch, Account: "01ab"}, whoCounts(t, l))
			requireConsistent(t, l)
			elsewhere := gateway
			elsewhere.out, elsewhere.response = 500, "r9"
			commit(t, l, elsewhere, testRecord{name: "c", parent: "gw", out: 100, in: 100, scope: "sdk", model: "gpt-4o", response: "r8", request: "more"})
			for _, r := range stored(t, l) {
				if r.ResponseID == "r8" {
					require.True(t, r.Counted)
					require.Equal(t, []any{usage.TierUnknown, full}, []any{r.Tier, r.Cost})
				}
			}
			requireConsistent(t, l)
			require.NoError(t, l.Close())
		})
	}
}
