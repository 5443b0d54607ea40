package alerting

import (
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// fact is what the evaluation needs to know of a call that begins or ceases to count.
type fact struct {
	commit   int64 // number of the commit; 0 where it was read from the store
	at       time.Time
	n        int64 // 1 or -1
	start    time.Time
	duration time.Duration
	ttft     time.Duration
	usage.Countable
	model, provider, key, user, service, project, account string
	tier                                                  usage.Tier
	status                                                int
}

func factOf(c *usage.Call, n int64) fact {
	return fact{
		n: n, start: c.Start, duration: c.Duration, ttft: c.TTFT,
		Countable: usage.Countable{Tokens: c.Tokens, Cost: c.Cost, Quality: c.Quality, Failed: c.Failed},
		model:     c.Model, provider: c.Provider, key: c.KeyFingerprint, user: c.User, service: c.Service, project: c.Project, account: c.Account,
		tier: c.Tier, status: c.Status,
	}
}

// maxFacts bounds what waits to be evaluated. Where more comes, the meters are filled from the ledger again.
const maxFacts = 200_000

// queue keeps what was committed since the last look. Its method add is called within the ledger's writer.
type queue struct {
	mu    sync.Mutex
	facts []fact
	spare []fact
	lost  bool
	idle  bool  // nobody looks at facts: only last is kept
	last  int64 // number of the last commit
}

// It reports whether there is something to look at.
func (q *queue) add(c ledger.Commit) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last = c.Number
	if q.idle {
		return false
	}
	for _, change := range c.Changes {
		if len(q.facts) >= maxFacts {
			q.facts, q.lost = q.facts[:0], true
		}
		if q.lost {
			return true
		}
		f := factOf(change.Call, change.N)
		f.commit, f.at = c.Number, c.At
		q.facts = append(q.facts, f)
	}
	return len(c.Changes) > 0
}

// collect says whether facts are looked at: with no rule they are not, and would be copied for nothing. Who begins to look
// gets the facts after the number of the last commit, as at a start.
func (q *queue) collect(on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle = !on; q.idle {
		q.facts, q.spare, q.lost = nil, nil, false
	}
}

// take returns what came since the last call, which is valid until the next one. lost says that it is not all.
func (q *queue) take() (facts []fact, lost bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	facts, lost = q.facts, q.lost
	clear(q.spare)
	q.facts, q.spare, q.lost = q.spare[:0], facts, false
	return facts, lost
}

// number is that of the last commit.
func (q *queue) number() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last
}
