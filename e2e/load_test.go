package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/client"
)

// load is how much TestLoad does.
type load struct {
	clients  int           // at one time
	requests int           // of each
	pause    time.Duration // between two requests of a client, on average
	stored   int           // calls before it begins
	batch    int           // calls in one of the requests that write meanwhile
	every    time.Duration // between those
}

// TestLoad lets many clients ask a server while calls are written to it: whether keys are good, stats
// and the log. There is no error. With TOKENBOARD_LOAD=1000 (make load) so many clients ask, about once
// a second each, and the times are printed; a test never depends on them.
func TestLoad(t *testing.T) {
	l := load{clients: 40, requests: 4, pause: 20 * time.Millisecond, stored: 500, batch: 20, every: 50 * time.Millisecond}
	if n, err := strconv.Atoi(os.Getenv("TOKENBOARD_LOAD")); err == nil {
		l = load{clients: n, requests: 20, pause: time.Second, stored: 100_000, batch: 100, every: 200 * time.Millisecond}
	}
	p := run(t, t.TempDir())
	for n := 0; n < l.stored; n += 500 {
		require.True(t, p.send(context.Background(), "traces", manySpans(n, min(500, l.stored-n))))
	}
	transport := &http.Transport{MaxIdleConns: l.clients, MaxIdleConnsPerHost: l.clients}
	defer transport.CloseIdleConnections()
	web := &http.Client{Transport: transport}
	api, err := client.New(p.console, client.WithHTTPClient(web))
	require.NoError(t, err)
	key, err := api.CreateKey(context.Background(), client.KeyRequest{Name: "load"})
	require.NoError(t, err)

	ctx, stop := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	writing.Add(1)
	written, refused := 0, 0
	go func() {
		defer writing.Done()
		for at := l.stored; ctx.Err() == nil; at += l.batch {
			if p.send(context.Background(), "traces", manySpans(at, l.batch)) {
				written += l.batch
			} else {
				refused += l.batch
			}
			select {
			case <-ctx.Done():
			case <-time.After(l.every):
			}
		}
	}()
	asked := []struct {
		name string
		ask  func() error
	}{
		{"stats", func() error { _, err := api.Stats(ctx, client.Filter{}); return err }},
		{"logs", func() error { _, err := api.Logs(ctx, client.LogQuery{Limit: 100}, ""); return err }},
		{"verify", func() error { return verify(ctx, web, p.console, key.Secret) }},
	}
	if !strings.Contains(p.text("/api/console/openapi.json"), "/keys/verify") { // a server that does not check keys
		asked = asked[:2]
	}
	times := make([][]time.Duration, len(asked))
	var mu sync.Mutex
	var failures []error
	var asking sync.WaitGroup
	begun, busy := time.Now(), p.cpu()
	for i := range l.clients {
		asking.Add(1)
		go func() {
			defer asking.Done()
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for range l.requests {
				time.Sleep(time.Duration(rng.Int64N(2 * int64(l.pause))))
				kind := rng.IntN(len(asked))
				start := time.Now()
				err := asked[kind].ask()
				took := time.Since(start)
				mu.Lock()
				if times[kind] = append(times[kind], took); err != nil {
					failures = append(failures, fmt.Errorf("%s: %w", asked[kind].name, err))
				}
				mu.Unlock()
			}
		}()
	}
	asking.Wait()
	took, busy := time.Since(begun), p.cpu()-busy
	stop()
	writing.Wait()
	require.Empty(t, failures)
	require.Zero(t, refused)
	require.EqualValues(t, l.stored+written, get[stats](p, "/stats").Calls, "all that was acknowledged is there")
	for i, list := range times {
		t.Logf("%-6s %6d requests, p50 %v, p99 %v, longest %v", asked[i].name, len(list), quantile(list, .5), quantile(list, .99), quantile(list, 1))
	}
	all := slices.Concat(times...)
	t.Logf("%d clients, %.0f requests/s, %.0f calls/s written, p50 %v, p99 %v", l.clients, float64(len(all))/took.Seconds(),
		float64(written)/took.Seconds(), quantile(all, .5), quantile(all, .99))
	t.Logf("the server's processor time: %.2f ms a request, %.0f%% of one core", busy.Seconds()*1e3/float64(len(all)), 100*busy.Seconds()/took.Seconds())
	p.stop(syscall.SIGTERM)
}

// cpu is the processor time that the binary has used; 0 where the system does not report it.
func (p *process) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	_, after, ok := strings.Cut(string(b), ") ")
	f := strings.Fields(after)
	const user, system, ticks = 11, 12, 100 // fields after the name; ticks in a second on Linux
	if err != nil || !ok || len(f) <= system {
		return 0
	}
	var sum int64
	for _, s := range []string{f[user], f[system]} {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks
}

func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(int(q*float64(len(list))), len(list)-1)].Round(10 * time.Microsecond)
}

// verify asks whether a key is good.
func verify(ctx context.Context, web *http.Client, console, key string) error {
	body, err := json.Marshal(map[string]string{"key": key})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, console+"/api/console/keys/verify", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := web.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, answer)
	}
	return err
}

// manySpans is an OTLP/JSON request with n calls, of 20 models and 50 users, in the last hours.
func manySpans(first, n int) []byte {
	spans := make([]string, n)
	now := time.Now().Add(-time.Second).UnixNano()
	for i := range spans {
		k := first + i
		start := now - int64(k%86_400)*int64(time.Second)
		spans[i] = fmt.Sprintf(`{"traceId":"%032x","spanId":"%016x","name":"chat","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[
{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.response.model","value":{"stringValue":"model-%d"}},
{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},{"key":"user.id","value":{"stringValue":"user-%d"}},
{"key":"gen_ai.usage.input_tokens","value":{"intValue":"%d"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"20"}}]}`,
			k+1, k+1, start, start+1_000_000_000, k%20, k%50, 100+k%1000)
	}
	return []byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"load"}}]},"scopeSpans":[{"scope":{"name":"load"},"spans":[` +
		strings.Join(spans, ",") + `]}]}]}`)
}
