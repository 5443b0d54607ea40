package attack

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"
)

// attack is one thing that an attacker does. It fails the test where it succeeds, and returns what it
// found otherwise.
type attack struct {
	area, name string
	modes      []string // access modes in which it is tried; nil: all
	try        func(t *testing.T, b *target) (outcome string)
}

var modes = []string{"open", "local", "oidc"}

// attacks are all of them, in the order in which they are tried against one process.
func attacks() []attack {
	return slices.Concat(telemetryAttacks(), browserAttacks(), accessAttacks(), keyAttacks(), memberAttacks(), privacyAttacks(), figureAttacks(), streamAttacks(),
		connectionAttacks(), workAttacks(), floodAttacks())
}

// TestAttack tries all attacks on a binary in each access mode and prints what became of them. With
// TOKENBOARD_ATTACK=1 it is every attack, with other values those whose area or name contains the value.
func TestAttack(t *testing.T) {
	wanted := os.Getenv("TOKENBOARD_ATTACK")
	if wanted == "" || os.Getenv("TOKENBOARD_BINARY") == "" {
		t.Skip("make attack runs it")
	}
	type row struct{ mode, area, name, outcome string }
	var rows []row
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			b := run(t, mode)
			for _, a := range attacks() {
				if a.modes != nil && !slices.Contains(a.modes, mode) || wanted != "1" && !strings.Contains(a.area+": "+a.name, wanted) {
					continue
				}
				outcome := "FAILED, see above"
				t.Run(a.area+"/"+a.name, func(t *testing.T) {
					outer := b.t
					b.t = t
					defer func() { b.t = outer }()
					outcome = a.try(t, b)
				})
				rows = append(rows, row{mode, a.area, a.name, outcome})
			}
			require.NotContains(t, b.stderr.String(), "panic:", "whatever was sent")
			require.NotContains(t, b.stderr.String(), "goroutine ", "whatever was sent")
			b.stop()
		})
	}
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "MODE\tAREA\tATTACK\tOUTCOME")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.mode, r.area, r.name, r.outcome)
	}
	require.NoError(t, w.Flush())
	fmt.Println("\n" + out.String()) // the table is what one runs it for
}
