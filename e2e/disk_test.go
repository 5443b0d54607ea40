//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of its own in memory, and returns its folder and a function that
// mounts it again with other options.
func smallDisk(t *testing.T, options string) (dir string, remount func(flags uintptr, options string)) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tokenboard-test", dir, "tmpfs", 0, options); err != nil {
		if os.Getuid() == 0 && os.Getenv("CI") != "" {
			require.NoError(t, err, "CI runs as root and can mount")
		}
		t.Skipf("only root can mount a small disk: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir, func(flags uintptr, options string) {
		t.Helper()
		require.NoError(t, syscall.Mount("tokenboard-test", dir, "tmpfs", syscall.MS_REMOUNT|flags, options))
	}
}

// large is a request of calls whose texts fill a disk soon; i is its number.
func large(i int) (body []byte, holds sums) {
	const calls, text = 40, 400
	var spans []string
	start := time.Now().Add(-time.Hour).UnixNano()
	for j := range calls {
		id := i*calls + j + 1
		spans = append(spans, fmt.Sprintf(`{"traceId":"%032x","spanId":"%016x","name":"chat m","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[
{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.response.model","value":{"stringValue":"m"}},
{"key":"user.id","value":{"stringValue":"%s-%d"}},
{"key":"gen_ai.usage.input_tokens","value":{"intValue":"%d"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"7"}}]}`,
			id, id, start+int64(id)*1000, start+int64(id)*1000+1_000_000, strings.Repeat("u", text), id, id%1000+1))
		holds.add(sums{Calls: 1, Input: int64(id%1000 + 1), Output: 7, Unpriced: 1})
	}
	return []byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"disk"}}]},"scopeSpans":[{"scope":{"name":"e2e"},"spans":[` +
		strings.Join(spans, ",") + `]}]}]}`), holds
}

// post sends one OTLP/JSON request and gives the status of the answer.
func (p *process) post(signal string, body []byte) (status int, answer string) {
	p.t.Helper()
	res, err := http.Post(p.otlp+"/v1/"+signal, "application/json", bytes.NewReader(body))
	require.NoError(p.t, err, p.stderr)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	return res.StatusCode, string(b)
}

// TestFullDisk: on a full disk senders receive a retryable error, what was acknowledged stays and is
// shown, and when there is room again the same process takes what it refused.
func TestFullDisk(t *testing.T) {
	dir, remount := smallDisk(t, "size=3m")
	p := run(t, dir)
	var want sums
	refused := -1
	for i := 0; refused < 0; i++ {
		require.Less(t, i, 2000, "the disk is not getting full")
		body, holds := large(i)
		switch status, answer := p.post("traces", body); status {
		case http.StatusOK:
			want.add(holds)
		default:
			require.Equal(t, http.StatusServiceUnavailable, status, answer)
			require.NotContains(t, answer, dir, "where the data is, is nobody's business")
			refused = i
		}
	}
	require.Positive(t, want.Calls)
	for range 5 { // and again, as senders do
		body, _ := large(refused)
		status, _ := p.post("traces", body)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, want, get[stats](p, "/stats").sums, "readers go on")
	}
	requireSameSums(t, p, get[stats](p, "/stats"))
	require.Equal(t, http.StatusOK, p.status("/health", ""))

	remount(0, "size=64m")
	for i := refused; i < refused+3; i++ {
		body, holds := large(i)
		status, answer := p.post("traces", body)
		require.Equal(t, http.StatusOK, status, answer)
		want.add(holds)
	}
	require.Equal(t, want, get[stats](p, "/stats").sums)
	p.stop(syscall.SIGTERM)
	p = run(t, dir)
	require.Equal(t, want, get[stats](p, "/stats").sums)
	requireSameSums(t, p, get[stats](p, "/stats"))
	p.stop(syscall.SIGTERM)
}

// TestKilledOnFullDisk: a process that is killed while its disk is full loses nothing that it acknowledged.
func TestKilledOnFullDisk(t *testing.T) {
	dir, remount := smallDisk(t, "size=3m")
	p := run(t, dir)
	var want sums
	for i := 0; ; i++ {
		require.Less(t, i, 2000, "the disk is not getting full")
		body, holds := large(i)
		if status, _ := p.post("traces", body); status != http.StatusOK {
			break
		}
		want.add(holds)
	}
	p.stop(syscall.SIGKILL)
	remount(0, "size=64m")
	p = run(t, dir)
	require.Equal(t, want, get[stats](p, "/stats").sums)
	p.stop(syscall.SIGTERM)
}

// TestQuota: a limit on the size of files is like a full disk.
func TestQuota(t *testing.T) {
	p := run(t, t.TempDir())
	var want sums
	send := func(i, status int) {
		body, holds := large(i)
		got, answer := p.post("traces", body)
		require.Equal(t, status, got, answer)
		if status == http.StatusOK {
			want.add(holds)
		}
		require.Equal(t, want, get[stats](p, "/stats").sums)
	}
	send(0, http.StatusOK)
	var before unix.Rlimit
	require.NoError(t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: unix.RLIM_INFINITY}, &before))
	for range 3 {
		send(1, http.StatusServiceUnavailable)
	}
	require.NoError(t, unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &before, nil))
	send(1, http.StatusOK)
	p.stop(syscall.SIGTERM)
}

// TestReadOnlyDirectory: a folder that becomes read-only while the database in it is open changes
// nothing for senders; what was acknowledged is kept. (A start in such a folder fails: TestFailedStarts.)
func TestReadOnlyDirectory(t *testing.T) {
	dir, err := os.MkdirTemp("", "readonly") // t.TempDir lies in a folder that is closed to others
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	console, otlp := freeAddress(t), freeAddress(t)
	p := &process{t: t, console: "http://" + console, otlp: "http://" + otlp, stderr: &buffer{}}
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(dir, nobody, nobody)) // root can write everywhere
	}
	env := environment(dir, console, freeAddress(t), otlp)
	p.launch(unprivileged(t, env), env)
	p.waitUntilReady()
	var want sums
	for i := range 3 {
		require.NoError(t, os.Chmod(dir, 0o500))
		body, holds := large(i)
		status, answer := p.post("traces", body)
		require.Equal(t, http.StatusOK, status, answer)
		want.add(holds)
	}
	p.stop(syscall.SIGKILL)
	require.NoError(t, os.Chmod(dir, 0o700))
	p = run(t, dir)
	require.Equal(t, want, get[stats](p, "/stats").sums)
	p.stop(syscall.SIGTERM)
}
