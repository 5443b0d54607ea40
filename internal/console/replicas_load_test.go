package console_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestReplicasOvershoot measures by how much clients that ask any of 1, 2 and 3 replicas exceed a key's budget, see docs/keys.md:
// once with calls of 100 ms that are reported as they end, and once with checks alone, all at one time. Each
// replica holds the budget by what it knows, so that N of them never admit more than N times the budget.
func TestReplicasOvershoot(t *testing.T) {
	for n := 1; n <= 3; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			all := replicaConsoles(t, server.Schema(t), n)
			now := time.Now()
			for _, c := range all {
				c.Now = now
			}
			admin := all[0].NewPerson("root", access.Admin)
			const budget, call, clients = 300_000, 1_000, 12
			const lasts = 100 * time.Millisecond // a call
			made := func(name string) string {
				key := consoletest.Read[struct {
					Key string `json:"key"`
				}](t, admin.Do("POST", "/keys", `{"name":"`+name+`","limits":{"tokens":{"day":`+strconv.Itoa(budget)+`}}}`), 201).Key
				for _, c := range all {
					require.Eventually(t, func() bool {
						return c.Do("POST", api.Base+"/keys/verify", `{"key":"`+key+`","estimate":`+strconv.Itoa(budget+1)+`}`, admin.Header).Code != 401
					}, time.Minute, 10*time.Millisecond, "the key is known")
				}
				return key
			}
			allowed := func(key string, at int) bool {
				w := all[at].Do("POST", api.Base+"/keys/verify", `{"key":"`+key+`","estimate":`+strconv.Itoa(call)+`}`, admin.Header)
				return w.Code == 200
			}

			key := made("calls")
			var spent, number atomic.Int64
			var running sync.WaitGroup
			for range clients {
				running.Go(func() {
					for refused := 0; refused < 20; {
						if !allowed(key, rand.IntN(n)) {
							refused++
							continue
						}
						refused = 0
						spent.Add(call)
						time.Sleep(lasts)
						i := int(number.Add(1))
						b := consoletest.CallOf(i, func(c *usage.Call) {
							c.Start, c.KeyFingerprint = admin.Now, usage.Fingerprint(key) // of the day of the budget, whatever day it is when it ends
							c.Tokens = usage.Tokens{InputUncached: call, Fields: usage.HasInput}
						})
						if !requireNoError(t, all[rand.IntN(n)].Ledger.Commit(t.Context(), b)) {
							return
						}
					}
				})
			}
			running.Wait()
			require.GreaterOrEqual(t, spent.Load(), int64(budget))
			require.LessOrEqual(t, spent.Load(), int64(n*budget))
			t.Logf("%d replicas, %d clients, calls of %s: %d of %d tokens, %.1f%% over", n, clients, lasts, spent.Load(), budget, 100*float64(spent.Load()-budget)/budget)

			key = made("checks")
			var passed atomic.Int64
			for i := range 4 * budget / call {
				running.Go(func() {
					if allowed(key, i%n) {
						passed.Add(call)
					}
				})
			}
			running.Wait()
			require.LessOrEqual(t, passed.Load(), int64(n*budget))
			t.Logf("%d replicas, checks without calls, all at one time: %d of %d tokens, %.1f%% over", n, passed.Load(), budget, 100*float64(passed.Load()-budget)/budget)
			if n == 1 {
				require.EqualValues(t, budget, passed.Load())
			}
		})
	}
}

// requireNoError is require.NoError for goroutines of a test.
func requireNoError(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// TestReplicasCountersNeverFall: whoever leads exports the counters of calls, and who leads next goes on from there or above.
func TestReplicasCountersNeverFall(t *testing.T) {
	dsn := server.Schema(t)
	role, err := url.Parse(dsn)
	require.NoError(t, err)
	all := replicaConsoles(t, dsn, 3)
	for _, c := range all {
		c.Now = time.Now()
	}
	header := all[0].NewPerson("root", access.Admin).Token(access.Admin).Header
	counters := func() map[string]float64 {
		for _, c := range all {
			w := c.Do("GET", "/metrics", "", header)
			require.Equal(t, 200, w.Code)
			found := map[string]float64{}
			for line := range strings.Lines(w.Body.String()) {
				series, value, is := strings.Cut(strings.TrimSpace(line), "} ")
				if is && (strings.HasPrefix(line, "tokenboard_calls_total{") || strings.HasPrefix(line, "tokenboard_tokens_total{")) {
					v, err := strconv.ParseFloat(value, 64)
					require.NoError(t, err)
					found[series] = v
				}
			}
			if len(found) > 0 {
				return found
			}
		}
		return nil // nobody leads at the moment
	}
	last, sent := map[string]float64{}, 0
	look := func() float64 {
		now := counters()
		if now == nil {
			return 0
		}
		for series, v := range last {
			require.GreaterOrEqual(t, now[series], v, series)
		}
		last = now
		calls := 0.0
		for series, v := range now {
			if strings.HasPrefix(series, "tokenboard_calls_total") {
				calls += v
			}
		}
		return calls
	}
	for round := range 6 {
		for range 5 {
			b := consoletest.CallOf(sent, func(c *usage.Call) { c.Start = time.Now().Add(-time.Minute) })
			require.NoError(t, all[sent%3].Ledger.Commit(t.Context(), b))
			sent++
			look()
		}
		if round%2 == 0 {
			server.Exec(t, "postgres", "DELETE FROM "+role.User.Username()+".leases WHERE task = 'ledger'")
		}
		require.Eventually(t, func() bool { return look() == float64(sent) }, time.Minute, 10*time.Millisecond)
	}
}
