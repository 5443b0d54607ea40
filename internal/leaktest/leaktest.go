// Package leaktest looks for goroutines that the tests of a package leave behind. It waits for those that are ending: on
// a busy machine that takes longer than the half second that goleak gives them.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const patience = time.Minute

// Main runs the tests of a package, and fails where they passed and goroutines are left. TestMain calls it.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := Find(patience); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Find waits so long until no goroutine of tests is left, and returns an error that shows those that stay.
func Find(patience time.Duration) error {
	for deadline := time.Now().Add(patience); ; {
		err := goleak.Find()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}
