package alerting

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/racetest"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
)

// failing is a directory whose next write of alerts fails.
type failing struct {
	store.Directory
	next storetest.Fault
	late []func() error // commits that come later, as of a connection that was cut
}

func (f *failing) WriteAlerts(ctx context.Context, w store.AlertWrite) error {
	how := f.next
	f.next = storetest.None
	switch how {
	case storetest.Fails:
		return storetest.ErrFault
	case storetest.CommitsAndFails:
		if err := f.Directory.WriteAlerts(ctx, w); err != nil {
			return err
		}
		return storetest.ErrFault
	case storetest.FailsAndCommits:
		f.late = append(f.late, func() error { return f.Directory.WriteAlerts(ctx, w) })
		return storetest.ErrFault
	}
	return f.Directory.WriteAlerts(ctx, w)
}

// TestKilledAtAnyWrite: whatever becomes of a write, and wherever the process ends, each state of each alert is told once: the
// history and the notifications are the same as without faults.
func TestKilledAtAnyWrite(t *testing.T) {
	run := func(t *testing.T, seed uint64, faults bool) (history, sent []string) {
		random, trouble := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
		b := &bed{T: t, dir: t.TempDir(), clock: &handClock{wall: start}}
		f := &failing{}
		b.wrap = func(d store.Directory) store.Directory {
			f.Directory = d
			return f
		}
		b.open()
		t.Cleanup(b.close)
		for i, limit := range []float64{1, 2, 4} {
			b.rule(fmt.Sprint("spend", i), alert.Rule{Kind: alert.Spend, Limit: limit, Window: "15m", Repeat: 120 * int64(i), Resolved: true})
		}
		b.rule("silence", alert.Rule{Kind: alert.Silence, Limit: 120, Resolved: true})
		b.channel("c")
		b.channel("d")
		b.tick()
		for range 60 {
			if random.IntN(3) == 0 {
				b.commit()
			}
			b.clock.pass(time.Duration(random.IntN(4)) * 15 * time.Second)
			if !faults {
				b.tick()
				continue
			}
			for trouble.IntN(2) == 0 { // looks that fail at any point, and a process that ends before, within or after
				f.next = storetest.Fault(trouble.IntN(int(storetest.FaultCount)))
				_ = b.s.tick(ctx)
				f.next = storetest.None
				if trouble.IntN(3) == 0 {
					b.restart()
				}
				if trouble.IntN(2) == 0 {
					f.commitLate()
				}
			}
			b.tickUntilDone()
			f.commitLate() // too late: nothing of it is stored
		}
		for _, n := range b.sent() {
			sent = append(sent, fmt.Sprint(n.Rule, " ", n.State, " ", n.Repeated, " ", n.At, " ", n.Value))
		}
		return b.history(), sent
	}
	seeds := rand.Perm(12)
	if racetest.Enabled { // one goroutine looks; make test-unit plays all without the detector
		seeds = seeds[:3]
	}
	for _, n := range seeds {
		seed := uint64(n)
		history, sent := run(t, seed, false)
		require.Greater(t, len(sent), 10)
		withFaults, sentWithFaults := run(t, seed, true)
		require.ElementsMatch(t, history, withFaults, seed)
		require.ElementsMatch(t, sent, sentWithFaults, seed)
	}
}

// commitLate lets writes that failed be committed after all, which those that were made since do not allow.
func (f *failing) commitLate() {
	for _, commit := range f.late {
		_ = commit()
	}
	f.late = nil
}

// tickUntilDone looks until a look succeeds, as the engine does at its next interval.
func (b *bed) tickUntilDone() {
	b.Helper()
	var err error
	for range 5 {
		if err = b.s.tick(ctx); err == nil {
			return
		}
	}
	require.NoError(b, err)
}
