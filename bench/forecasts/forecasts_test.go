package forecasts

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommand: the command prints a line for each kind of a set, and refuses what it does not have.
func TestCommand(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Command(&out, []string{"--set", "test", "--question", "3", "--each", "2"}))
	require.Contains(t, out.String(), "test set, question 3: the month, on day 20 at noon\n")
	require.NotContains(t, out.String(), "question 1")
	require.NotContains(t, out.String(), "unseen")
	require.Regexp(t, regexp.MustCompile(`(?m)^daylight saving +2 +\d+\.\d% .*%$`), out.String())
	require.Regexp(t, regexp.MustCompile(`(?m)^all +18 +\d+\.\d%`), out.String())
	require.Error(t, Command(&out, []string{"--each", "many"}))
	require.Error(t, Command(&out, []string{"--set", "nothing"}))
}
