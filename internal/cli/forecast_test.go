package cli

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	golden := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestForecastCommand: without enough history the command says so; with it, it shows the estimate and the budgets.
func TestForecastCommand(t *testing.T) {
	l := serve(t)
	got, errs, err := run(context.Background(), "forecast")
	require.NoError(t, err)
	require.Empty(t, errs)
	requireGolden(t, "forecast-short", got)

	var batch usage.Batch
	for at := now.AddDate(0, 0, -40).Truncate(time.Hour); at.Before(now); at = at.Add(time.Hour) {
		c := usage.Call{
			Role: usage.RoleCall, Start: at, Model: "gpt-4o", Provider: "openai", Service: "svc",
			Tokens: usage.Tokens{InputUncached: 9000, OutputText: 1000, Fields: usage.HasInput | usage.HasOutput},
		}
		binary.BigEndian.PutUint64(c.Trace[:], uint64(at.Unix()))
		binary.BigEndian.PutUint64(c.Span[:], uint64(at.Unix()))
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(t, l.Commit(context.Background(), batch))
	for name, args := range map[string]string{
		"forecast": "forecast --service svc --budget-usd 10 --budget-tokens 600000", "forecast-week": "forecast --period week --week-begins sunday --timezone Asia/Kolkata --service svc",
	} {
		got, errs, err = run(context.Background(), strings.Fields(args)...)
		require.NoError(t, err)
		require.Empty(t, errs)
		requireGolden(t, name, got)
	}
	got, _, err = run(context.Background(), "forecast", "--json", "--service", "svc")
	require.NoError(t, err)
	require.Contains(t, got, `"needed_days": 3`)
	for _, args := range []string{"forecast --from 7d", "forecast --status ok", "forecast --period year", "forecast --month-begins 40", "forecast --budget-usd much"} {
		_, _, err := run(context.Background(), strings.Fields(args)...)
		require.Equal(t, exitWrong, ExitCode(err), "%s: %v", args, err)
	}
}

// TestChangesCommand: the parts of each line are its difference.
func TestChangesCommand(t *testing.T) {
	serve(t)
	for name, args := range map[string]string{
		"changes":          "changes --from 2026-11-02T18:00:00Z --to 2026-11-03T19:00:00Z --by user",
		"changes-by-model": "changes --from 2026-11-03T00:00:00Z --to 2026-11-03T19:00:00Z --against 2026-11-01 --against-to 2026-11-03 --top 1",
	} {
		got, errs, err := run(context.Background(), strings.Fields(args)...)
		require.NoError(t, err)
		require.Empty(t, errs)
		requireGolden(t, name, got)
	}
	got, _, err := run(context.Background(), "changes", "--from", "2026-11-02", "--json")
	require.NoError(t, err)
	require.Contains(t, got, `"against_from": "2026-1`)
	for _, args := range []string{"changes", "changes --from 2026-11-01 --against never", "changes --from 2026-11-01 --by mood"} {
		_, _, err := run(context.Background(), strings.Fields(args)...)
		require.Equal(t, exitWrong, ExitCode(err), "%s: %v", args, err)
	}
}
