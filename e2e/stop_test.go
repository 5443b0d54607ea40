package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStopWhileStarting: a signal that comes at any moment of the start stops the binary in order, and it
// starts again on the same data.
func TestStopWhileStarting(t *testing.T) {
	dir := t.TempDir()
	for _, moment := range []string{"Starting tokenboard", "token store is open", "console is open", "Starting HTTP server", "Everything is ready"} {
		for range 3 {
			p := start(t, dir)
			for deadline := time.Now().Add(time.Minute); !strings.Contains(p.stderr.String(), moment) && time.Now().Before(deadline); {
				time.Sleep(100 * time.Microsecond) // the moments follow one another within milliseconds
			}
			p.stop(syscall.SIGTERM)
		}
	}
	run(t, dir).stop(syscall.SIGTERM)
}
