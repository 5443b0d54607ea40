package e2e

import (
	"context"
	"fmt"
	"iter"
	"maps"
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

// killed is what TestKill sends: request i is one span. Of every four, the second is the child of the
// first, an agent that reports the same usage, so that kills hit corrections too: each trace is one
// call, whichever of its spans are there.
type killed struct{ start int64 }

func (killed) trace(i int) int {
	if i%4 == 1 {
		return i - 1
	}
	return i
}

// holds is what the trace of request i adds to the sums.
func (k killed) holds(i int) sums {
	return sums{Calls: 1, Input: int64(k.trace(i)%1000 + 1), Output: 7, Unpriced: 1}
}

func (k killed) body(i int) []byte {
	operation, parent := "chat", ""
	switch i % 4 {
	case 0:
		operation = "invoke_agent"
	case 1:
		parent = fmt.Sprintf(`"parentSpanId":"%016x",`, i)
	}
	return []byte(fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"e2e"}}]},
"scopeSpans":[{"scope":{"name":"e2e"},"spans":[{"traceId":"%032x","spanId":"%016x",%s"name":"%s m","kind":3,
"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"%s"}},
{"key":"gen_ai.response.model","value":{"stringValue":"m"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"%d"}},
{"key":"gen_ai.usage.output_tokens","value":{"intValue":"7"}}]}]}]}]}`,
		k.trace(i)+1, i+1, parent, operation, k.start+int64(i)*1000, k.start+int64(i)*1000+1_000_000_000, operation, k.holds(i).Input))
}

// sum returns what the traces of some requests add to the sums.
func (k killed) sum(requests iter.Seq[int]) (all sums) {
	seen := map[int]bool{}
	for i := range requests {
		if trace := k.trace(i); !seen[trace] {
			seen[trace] = true
			all.add(k.holds(i))
		}
	}
	return all
}

// upTo returns the numbers below n.
func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// TestKill kills the binary with SIGKILL while requests are being acknowledged. After a restart the
// sums hold every acknowledged request; when all are sent again, each counts once.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	killUnderLoad(t, kills(t), func() *process { return run(t, dir) })
}

// killUnderLoad is TestKill of any store.
func killUnderLoad(t *testing.T, kills int, begin func() *process) {
	k := killed{start: time.Now().Add(-time.Hour).UnixNano()}
	body := k.body
	var sent atomic.Int64
	var mu sync.Mutex
	acknowledged := map[int]bool{}
	for range kills {
		p := begin()
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
		want := k.sum(maps.Keys(acknowledged))
		mu.Unlock()

		p = begin()
		got := get[stats](p, "/stats")
		require.GreaterOrEqual(t, got.Calls, want.Calls, "an acknowledged call was lost")
		all := k.sum(upTo(int(sent.Load())))
		require.LessOrEqual(t, got.Calls, all.Calls)
		require.GreaterOrEqual(t, got.Input, want.Input)
		requireSameSums(t, p, got)
		for i := range int(sent.Load()) {
			require.True(t, p.send(context.Background(), "traces", body(i)))
			mu.Lock()
			acknowledged[i] = true
			mu.Unlock()
		}
		require.Equal(t, all, get[stats](p, "/stats").sums, "after sending all again")
		p.stop(syscall.SIGTERM)
		p = begin()
		require.Equal(t, all, get[stats](p, "/stats").sums, "after SIGTERM")
		p.stop(syscall.SIGTERM)
		t.Logf("%d requests sent, %d calls acknowledged, %d found after the kill", sent.Load(), want.Calls, got.Calls)
	}
}
