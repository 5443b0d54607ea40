package keyring

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	propertyKeys = 3
	day          = 24 * time.Hour
)

var generous = store.Limits{Tokens: store.Budget{1 << 40, 1 << 40, 1 << 40, 1 << 40}, Cost: store.Budget{store.Ever: 1 << 50}}

// TestRingEqualsLedger: whatever is checked, committed, superseded, delivered again, rotated, forgotten,
// dropped by retention and restarted, at once and in whichever order: when all is settled or expired,
// nothing is reserved, and what is used is what was committed to the ledger, of which its sums are what is kept.
func TestRingEqualsLedger(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		p := &play{T: rt, world: newWorld(filepath.Join(dir, fmt.Sprint(n)))}
		defer func() { p.close() }()
		switch rapid.SampledFrom([]string{"", "by age", "by number"}).Draw(rt, "retention") {
		case "by age":
			p.retention = ledger.Options{MaxAge: 35 * day, RetentionInterval: time.Millisecond}
		case "by number":
			p.retention = ledger.Options{MaxRecords: rapid.Int64Range(1, 6).Draw(rt, "kept"), RetentionInterval: time.Millisecond}
		}
		p.restart()
		for i := range propertyKeys {
			p.add(rt, i, func(k *store.Key) { k.Limits = generous })
			p.secrets[i] = []string{secret(i)}
		}
		for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
			var all sync.WaitGroup
			for _, f := range p.together() {
				all.Go(f)
			}
			all.Wait()
			p.between()
		}
		p.clock.turn(defaultReservation + defaultReservation/reservation.Steps)
		p.requireEqual("at the end")
		p.restart()
		p.requireEqual("after a restart")
	})
}

// play is one run of the property.
type play struct {
	*rapid.T
	*world
	secrets [propertyKeys][]string
	made    []usage.Call
}

func (p *play) restart() {
	p.close()
	p.open()
}

func (p *play) commitSoon(c usage.Call) func() {
	return func() { _ = p.ledger.Commit(ctx, usage.Batch{Calls: []usage.Call{c}}) } // what is too old is refused
}

// newCall makes a call with one of a key's secrets, the older ones too.
func (p *play) newCall(i int) usage.Call {
	c := p.call(i, rapid.Int64Range(1, 1000).Draw(p.T, "tokens"))
	c.KeyFingerprint = usage.Fingerprint(rapid.SampledFrom(p.secrets[i]).Draw(p.T, "secret"))
	p.made = append(p.made, c)
	return c
}

// together draws what happens at once.
func (p *play) together() (out []func()) {
	var rotated []func()
	for range rapid.IntRange(1, 4).Draw(p.T, "at once") {
		i := rapid.IntRange(0, propertyKeys-1).Draw(p.T, "key")
		what := rapid.SampledFrom([]string{"check", "call", "again", "child", "change", "rotate"}).Draw(p.T, "what")
		if len(p.made) == 0 && (what == "again" || what == "child") {
			continue
		}
		switch what {
		case "check":
			q := Query{Key: rapid.SampledFrom(p.secrets[i]).Draw(p.T, "secret"), Tokens: rapid.Int64Range(0, 500).Draw(p.T, "estimate")}
			out = append(out, func() { _, _ = p.ring.Verify(ctx, q) })
		case "call":
			c := p.newCall(i)
			c.Start = c.Start.Add(-rapid.SampledFrom([]time.Duration{0, time.Second, 26 * time.Hour, 30 * day}).Draw(p.T, "ago"))
			p.made[len(p.made)-1] = c
			out = append(out, p.commitSoon(c))
		case "again":
			c := rapid.SampledFrom(p.made).Draw(p.T, "which")
			if rapid.Bool().Draw(p.T, "fuller") {
				c.Tokens.InputUncached, c.Tokens.Fields = 11, c.Tokens.Fields|usage.HasInput
			}
			out = append(out, p.commitSoon(c))
		case "child":
			parent := rapid.SampledFrom(p.made).Draw(p.T, "parent")
			c := p.newCall(i)
			c.Trace, c.Parent, c.Start = parent.Trace, parent.Span, parent.Start.Add(time.Millisecond)
			c.ID = usage.SpanRecordID(c.Trace, c.Span)
			p.made[len(p.made)-1] = c
			out = append(out, p.commitSoon(c))
		case "change": // limits that go and come, so that sums are read while commits come
			out = append(out, func() {
				for _, l := range []store.Limits{{}, generous} {
					p.update(i, func(k *store.Key) { k.Limits = l })
					_ = p.ring.Refresh(ctx)
				}
			})
		case "rotate": // known to the ring now or later
			fresh := fmt.Sprintf("%s, secret %d", secret(i), len(p.secrets[i])+len(rotated))
			until := p.clock.now().Add(rapid.SampledFrom([]time.Duration{0, time.Hour, 60 * day}).Draw(p.T, "overlap"))
			atOnce := rapid.Bool().Draw(p.T, "refresh at once")
			out = append(out, func() {
				p.update(i, func(k *store.Key) {
					k.Older = append(k.Older, store.Secret{Fingerprint: k.Fingerprint, Until: until})
					k.Fingerprint = usage.Fingerprint(fresh)
				})
				if atOnce {
					p.ring.Stale()
				}
			})
			rotated = append(rotated, func() { p.secrets[i] = append(p.secrets[i], fresh) })
		}
	}
	for _, f := range rotated {
		f()
	}
	return out
}

func (p *play) update(i int, change func(*store.Key)) {
	_ = p.world.update(fmt.Sprint(i), change)
}

func (p *play) between() {
	switch rapid.SampledFrom([]string{"", "", "seconds", "minutes", "hours", "weeks", "restart"}).Draw(p.T, "then") {
	case "seconds":
		p.clock.turn(fresh)
	case "minutes":
		p.clock.turn(4 * time.Minute)
	case "hours":
		p.clock.turn(9 * time.Hour)
	case "weeks":
		p.clock.turn(20 * day)
	case "restart":
		p.restart()
	}
}

// requireEqual compares what the ring says with all that was ever committed, and where nothing is
// dropped with the ledger's own sums.
func (p *play) requireEqual(when string) {
	p.ring.Stale()
	require.NoError(p.T, p.ring.Fresh(ctx))
	_, current := p.ring.now()
	var total int64
	for i := range propertyKeys {
		l := p.ring.Left(fmt.Sprint(i))
		require.NotNil(p.T, l)
		var fingerprints []string
		for _, s := range p.secrets[i] {
			fingerprints = append(fingerprints, usage.Fingerprint(s))
		}
		for period := range store.PeriodCount {
			f := store.Filter{Keys: fingerprints}
			if period < store.Ever {
				f.From, f.To = current.begin[period], current.end[period]
			}
			want := p.committedOf(f)
			require.Equal(p.T, want.Tokens, l.Tokens[period].Used, "key %d, %s, %s", i, period, when)
			require.Zero(p.T, l.Tokens[period].Reserved)
			if period == store.Ever {
				require.Equal(p.T, want.Cost, l.Cost[period].Used)
				total += want.Tokens
			}
			if p.retention.MaxAge == 0 && p.retention.MaxRecords == 0 {
				a, err := p.ledger.Query(ctx, ledger.Query{Filter: f})
				require.NoError(p.T, err)
				var sums ledger.Sums
				for j := range a.Groups {
					sums.Merge(&a.Groups[j].Points[0])
				}
				require.Equal(p.T, want, amount{Tokens: sums.Tokens.Total(), Cost: int64(sums.Cost)}, "what was committed is what is summed")
			}
		}
	}
	require.Equal(p.T, total, p.ring.Quota().Tokens[store.Ever].Used, when)
}

// committedOf sums all that was ever committed of some keys.
func (p *play) committedOf(f store.Filter) (sum amount) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.committed {
		d := &p.committed[i]
		if slices.Contains(f.Keys, d.Call.KeyFingerprint) && !d.Call.Start.Before(f.From) && (f.To.IsZero() || d.Call.Start.Before(f.To)) {
			sum.Add(amount{Tokens: d.Call.Tokens.Total(), Cost: int64(d.Call.Cost)}, d.N)
		}
	}
	return sum
}
