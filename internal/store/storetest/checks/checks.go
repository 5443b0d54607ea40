// Package checks sets how often properties are checked.
package checks

import (
	"flag"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fewer makes the properties of a test checked so often (a number) where the command line does not say how often
// (-rapid.checks): checks that need a database server or move databases take longer than others. make torture-postgres has
// them checked often.
func Fewer(t testing.TB, checks string) {
	t.Helper()
	if given() {
		return
	}
	before := flag.Lookup("rapid.checks").Value.String()
	require.NoError(t, flag.Set("rapid.checks", checks))
	t.Cleanup(func() { require.NoError(t, flag.Set("rapid.checks", before)) })
}

// given reports whether the command line says how often. It looks once, before any test sets the flag.
var given = sync.OnceValue(func() (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	return given
})
