package alert_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
)

// TestTemplates: each can be switched on as it is, and every kind that needs no more has one.
func TestTemplates(t *testing.T) {
	kinds := map[alert.Kind]bool{}
	for _, x := range alert.Templates() {
		require.NoError(t, x.Rule.Check(), x.Name)
		require.NotEmpty(t, x.Title)
		require.False(t, x.Rule.Enabled)
		kinds[x.Rule.Kind] = true
	}
	for _, k := range alert.Kinds() {
		if k != alert.Spend && k != alert.Tokens && k != alert.TTFTP95 { // whose limit only its owner knows
			require.True(t, kinds[k], k)
		}
	}
}

// TestCheck: a rule that says what its kind does not have, or too much, is refused by the field.
func TestCheck(t *testing.T) {
	fine := func() alert.Rule {
		return alert.Rule{Kind: alert.Spend, Severity: alert.Info, Limit: 1, Window: "day"}
	}
	good := fine()
	require.NoError(t, good.Check())
	long := make([]byte, 300)
	for field, edit := range map[string]func(*alert.Rule){
		"kind":           func(r *alert.Rule) { r.Kind = "x" },
		"severity":       func(r *alert.Rule) { r.Severity = "" },
		"limit":          func(r *alert.Rule) { r.Limit = -1 },
		"window":         func(r *alert.Rule) { r.Window = "2d" },
		"timezone":       func(r *alert.Rule) { r.TimeZone = "../etc/passwd" },
		"for_seconds":    func(r *alert.Rule) { r.For = -1 },
		"repeat_seconds": func(r *alert.Rule) { r.Repeat = 5 },
		"dimension":      func(r *alert.Rule) { r.Dimension = "model" },
		"budget":         func(r *alert.Rule) { r.Budget = "b" },
		"source":         func(r *alert.Rule) { r.Source = "b" },
		"filter": func(r *alert.Rule) {
			*r = alert.Rule{Kind: alert.KeyExpiry, Severity: alert.Info, Limit: 1, Filter: alert.Filter{Model: []string{"m"}}}
		},
		"filter.model":   func(r *alert.Rule) { r.Filter.Model = []string{string(long)} },
		"filter.user":    func(r *alert.Rule) { r.Filter.User = make([]string, 101) },
		"filter.status":  func(r *alert.Rule) { r.Filter.Status = []string{"5xx"} },
		"quiet.from":     func(r *alert.Rule) { r.Quiet = []alert.Quiet{{From: "7:00", To: "08:00", TimeZone: "UTC"}} },
		"quiet.timezone": func(r *alert.Rule) { r.Quiet = []alert.Quiet{{From: "07:00", To: "08:00"}} },
		"quiet.days": func(r *alert.Rule) {
			r.Quiet = []alert.Quiet{{Days: []int{7}, From: "07:00", To: "08:00", TimeZone: "UTC"}}
		},
		"channels":  func(r *alert.Rule) { r.Channels = make([]string, 21) },
		"min_calls": func(r *alert.Rule) { r.MinCalls = -1 },
	} {
		r := fine()
		edit(&r)
		var p *alert.Problem
		require.ErrorAs(t, r.Check(), &p, field)
		require.Equal(t, field, p.Field)
	}
	p95 := alert.Rule{Kind: alert.LatencyP95, Severity: alert.Info, Limit: 1, Window: "month"}
	require.Error(t, p95.Check())
}

// TestQuiet: quiet times by the clock on the wall, over midnight and on the days on which it changes.
func TestQuiet(t *testing.T) {
	night := []alert.Quiet{{From: "22:00", To: "07:00", TimeZone: "Europe/Berlin"}}
	friday := []alert.Quiet{{Days: []int{5}, From: "22:00", To: "07:00", TimeZone: "Europe/Berlin"}}
	small := []alert.Quiet{{From: "02:00", To: "03:00", TimeZone: "Europe/Berlin"}}
	for name, tc := range map[string]struct {
		quiet []alert.Quiet
		at    string // UTC
		want  bool
	}{
		"none":                    {nil, "2026-11-23T23:00:00Z", false},
		"begins":                  {night, "2026-11-23T21:00:00Z", true},
		"before":                  {night, "2026-11-23T20:59:00Z", false},
		"after midnight":          {night, "2026-11-24T05:59:00Z", true},
		"ends":                    {night, "2026-11-24T06:00:00Z", false},
		"in summer":               {night, "2026-07-01T20:00:00Z", true},
		"friday":                  {friday, "2026-11-27T22:00:00Z", true},
		"friday's morning after":  {friday, "2026-11-28T05:00:00Z", true},
		"friday's own morning":    {friday, "2026-11-27T05:00:00Z", false},
		"saturday":                {friday, "2026-11-28T22:00:00Z", false},
		"the hour, the first":     {small, "2026-10-25T00:30:00Z", true},
		"the hour, repeated":      {small, "2026-10-25T01:30:00Z", true},
		"the hour that is left":   {small, "2026-03-29T01:00:00Z", false},
		"before the skipped hour": {small, "2026-03-29T00:59:00Z", false},
	} {
		at, err := time.Parse(time.RFC3339, tc.at)
		require.NoError(t, err)
		require.Equal(t, tc.want, alert.QuietAt(tc.quiet, at), name)
	}
}
