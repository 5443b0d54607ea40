package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestPlacesOfReplicas: a reader goes from one replica to another at random moments. Each has begun at another commit, is
// behind by some, and keeps few events only. The reader gets every event once and in order, or is told that some are
// missing.
func TestPlacesOfReplicas(t *testing.T) {
	key := make([]byte, 32)
	rapid.Check(t, func(t *rapid.T) {
		commits := make([]ledger.Commit, rapid.IntRange(1, 30).Draw(t, "commits"))
		var all []usage.ID
		for i := range commits {
			c := ledger.Commit{At: time.Unix(int64(i), 0), Seq: int64(3*i + 7)}
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				id := usage.ID{byte(len(all)), byte(len(all) >> 8)}
				all = append(all, id)
				c.Changes = append(c.Changes, ledger.Change{N: 1, Call: &usage.Call{ID: id}})
			}
			commits[i] = c
		}
		type replica struct {
			*feed
			has int // commits
		}
		var replicas []*replica
		for range 3 {
			r := &replica{newFeed(uint64(rapid.SampledFrom([]int{5, 1000}).Draw(t, "kept")), key), rapid.IntRange(0, len(commits)).Draw(t, "begun")}
			seq := int64(1)
			if r.has > 0 {
				seq = commits[r.has-1].Seq
			}
			r.begin(seq)
			replicas = append(replicas, r)
		}
		const none = -1
		next, mark := none, "" // the event of all that comes next; none: any may
		for range rapid.IntRange(1, 20).Draw(t, "visits") {
			r := rapid.SampledFrom(replicas).Draw(t, "replica")
			at, sent := r.end(), position{}
			if mark != "" {
				var known bool
				if at, sent, known = r.place(mark); !known {
					at, sent, next = r.end(), position{}, none // it is told, and reads the log again
				}
			}
			for range rapid.IntRange(0, 5).Draw(t, "more") {
				if r.has < len(commits) {
					r.put(commits[r.has])
					r.has++
				}
				events, to, skipped, _, _ := r.Read(at, nil, rapid.IntRange(1, 6).Draw(t, "batch"))
				if skipped > 0 {
					next = none
				}
				for i := range events {
					if events[i].at.less(sent) {
						continue
					}
					id := events[i].call.ID
					is := int(id[0]) | int(id[1])<<8
					if next != none {
						require.Equal(t, next, is)
					}
					next = is + 1
				}
				at = to
				mark = r.mark(at, sent)
			}
		}
	})
}
