package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

func TestTermValues(t *testing.T) {
	for _, bad := range []string{"status:fine", "status:42", "status:6xx", "status:xx", "status:1000", "status:", "quality:good", "superseded:maybe"} {
		field, value, _ := strings.Cut(bad, ":")
		ok, allowed := store.TermValue(field, value)
		require.False(t, ok, bad)
		require.NotEmpty(t, allowed)
	}
}
