package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kills is how often the binary dies in TestKill: 10 times, or as TOKENBOARD_KILLS says (make torture).
func kills(t *testing.T) int {
	text := os.Getenv("TOKENBOARD_KILLS")
	if text == "" {
		return 10
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// TestKill kills the binary with SIGKILL while requests are being acknowledged. After a restart the
// sums hold every acknowledged request; when all are sent again, each counts once.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	start := time.Now().Add(-time.Hour).UnixNano()
	body := func(i int) []byte {
		usage := fmt.Sprintf(`{"key":"gen_ai.usage.input_tokens","value":{"intValue":"%d"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"7"}}`, i%1000+1)
		return span(i+1, i+1, start+int64(i)*1000, usage)
	}
	var sent atomic.Int64
	var mu sync.Mutex
	acknowledged := map[int]bool{}
	for range kills(t) {
		p := run(t, dir)
		ctx, cancel := context.WithCancel(context.Background())
		var senders sync.WaitGroup
		for range 8 {
			senders.Add(1)
			go func() {
				defer senders.Done()
				for ctx.Err() == nil {
					i := int(sent.Add(1)) - 1
					if p.send(ctx, "traces", body(i)) {
						mu.Lock()
						acknowledged[i] = true
						mu.Unlock()
					}
				}
			}()
		}
		// at a random moment under load
		mu.Lock()
		more := len(acknowledged) + 20 + rand.IntN(300)
		mu.Unlock()
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(acknowledged) > more
		}, 30*time.Second, time.Millisecond)
		p.stop(syscall.SIGKILL)
		cancel()
		senders.Wait()
		mu.Lock()
		var want sums
		for i := range acknowledged {
			want.add(sums{Calls: 1, Input: int64(i%1000 + 1), Output: 7, Unpriced: 1})
		}
		mu.Unlock()

		p = run(t, dir)
		got := get[stats](p, "/stats")
		require.GreaterOrEqual(t, got.Calls, want.Calls, "an acknowledged call was lost")
		require.LessOrEqual(t, got.Calls, sent.Load())
		requireSameSums(t, p, got)
		var all sums
		for i := range int(sent.Load()) {
			all.add(sums{Calls: 1, Input: int64(i%1000 + 1), Output: 7, Unpriced: 1})
			require.True(t, p.send(context.Background(), "traces", body(i)))
			mu.Lock()
			acknowledged[i] = true
			mu.Unlock()
		}
		require.Equal(t, all, get[stats](p, "/stats").sums, "after sending all again")
		p.stop(syscall.SIGTERM)
		p = run(t, dir)
		require.Equal(t, all, get[stats](p, "/stats").sums, "after SIGTERM")
		p.stop(syscall.SIGTERM)
		t.Logf("killed with %d of %d requests acknowledged, %d stored", want.Calls, sent.Load(), got.Calls)
	}
}
