package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
)

// TestCommonThings: an id, or equal figures at one time, that more than correlation.MaxSharing records share is no
// identity, whenever it became so: none of the records stands for another.
func TestCommonThings(t *testing.T) {
	for name, record := range map[string]func(i int) testRecord{
		"one id": func(i int) testRecord {
			return testRecord{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: 5, response: "r", scope: fmt.Sprint(i), at: time.Duration(i) * time.Second}
		},
		"equal figures at one time": func(i int) testRecord {
			return testRecord{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: 5, process: 1, scope: fmt.Sprint(i % 2), lasts: time.Second}
		},
		"no figures at one time": func(i int) testRecord {
			r := testRecord{name: fmt.Sprint(i), trace: fmt.Sprint(i), process: 1, scope: fmt.Sprint(i % 2), lasts: time.Second, failed: true}
			if r.scope == "1" {
				r.request = fmt.Sprint(i)
			}
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			var records []testRecord
			for i := range correlation.MaxSharing + 2 {
				records = append(records, record(i))
			}
			rng := rand.New(rand.NewPCG(3, 4))
			for range 3 {
				rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
				l, _ := open(t, t.TempDir(), Options{})
				few := slices.Clone(records[:10])
				commit(t, l, few...)
				require.Less(t, total(t, l).Calls, int64(10), "few that share it are related")
				for rest := records[10:]; len(rest) > 0; {
					n := min(1+rng.IntN(100), len(rest))
					commit(t, l, rest[:n]...)
					rest = rest[n:]
				}
				require.EqualValues(t, correlation.MaxSharing+2, total(t, l).Calls)
				requireConsistent(t, l)
				require.NoError(t, l.Close())
			}
		})
	}
}
