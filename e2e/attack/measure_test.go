package attack

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// memory is the bytes of a field of /proc/PID/status: VmRSS now, VmHWM at the most.
func (b *target) memory(field string) int64 {
	b.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	require.NoError(b.t, err)
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			require.NoError(b.t, err)
			return n << 10
		}
	}
	require.Fail(b.t, "the system does not say "+field)
	return 0
}

// rss is the memory that the binary holds now.
func (b *target) rss() int64 { return b.memory("VmRSS") }

// peak is how much more memory the binary held at the most while f ran than before it.
func (b *target) peak(f func()) (above int64) {
	b.t.Helper()
	return b.peakAbove(b.rss(), f)
}

// peakAbove is how much more memory than a base the binary held at the most while f ran. What earlier
// requests took goes back to the system slowly: measured from then on, later ones would seem to take less.
func (b *target) peakAbove(base int64, f func()) (above int64) {
	b.t.Helper()
	const resetPeak = "5" // see proc(5), clear_refs
	require.NoError(b.t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", b.cmd.Process.Pid), []byte(resetPeak), 0o200))
	f()
	return max(0, b.memory("VmHWM")-base)
}

// cpu is the processor time that the binary has used.
func (b *target) cpu() time.Duration {
	b.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.cmd.Process.Pid))
	require.NoError(b.t, err)
	_, after, _ := strings.Cut(string(raw), ") ")
	f := strings.Fields(after)
	const user, system, ticks = 11, 12, 100 // fields after the name; ticks in a second
	var sum int64
	for _, s := range []string{f[user], f[system]} {
		n, err := strconv.ParseInt(s, 10, 64)
		require.NoError(b.t, err)
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks
}

// spent is the processor time that the binary uses while f runs.
func (b *target) spent(f func()) time.Duration {
	before := b.cpu()
	f()
	return b.cpu() - before
}

// quiet waits until the binary uses no processor time to speak of; it returns how long that took.
func (b *target) quiet(atMost time.Duration) (time.Duration, bool) {
	const look, idle = 200 * time.Millisecond, 20 * time.Millisecond
	begun := time.Now()
	for time.Since(begun) < atMost {
		before := time.Since(begun)
		if b.spent(func() { time.Sleep(look) }) <= idle {
			return before, true
		}
	}
	return atMost, false
}

func mib(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
