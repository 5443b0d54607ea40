package clienttest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/client"
)

// TestAlertRules: the client makes, changes, tries and removes rules, and reads every field that it wrote.
func TestAlertRules(t *testing.T) {
	b := newBoard(t, nil)
	ctx := context.Background()
	spec := client.AlertRuleSpec{
		Kind: "spend", Severity: "warning", Enabled: true, Filter: map[string][]string{"model": {"m"}, "service_tier": {"batch"}}, Limit: 2.5, Window: "day",
		Timezone: "Asia/Shanghai", ForSeconds: 60, RepeatSeconds: 3600, SendResolved: true, Channels: []string{"c"},
		Quiet: []client.AlertQuietTime{{Days: []int{0, 6}, From: "22:00", To: "07:00", Timezone: "Asia/Shanghai"}},
	}
	made, err := b.api.CreateAlertRule(ctx, "spend", spec)
	require.NoError(t, err)
	require.Equal(t, spec, made.AlertRuleSpec)
	require.Equal(t, "USD", made.Unit)
	off, err := b.api.EnableAlertRule(ctx, made.ID, false)
	require.NoError(t, err)
	require.False(t, off.Enabled)
	one, err := b.api.AlertRule(ctx, made.ID)
	require.NoError(t, err)
	all, err := b.api.AlertRules(ctx)
	require.NoError(t, err)
	require.Equal(t, []client.AlertRule{one}, all)
	run, err := b.api.DryRunAlertRule(ctx, spec)
	require.NoError(t, err)
	require.True(t, run.Available)
	require.Empty(t, run.Firings)
	alerts, err := b.api.Alerts(ctx, client.AlertQuery{State: "firing", Rules: []string{made.ID}, Severities: []string{"info"}, From: now, To: now, Limit: 5})
	if client.IsStatus(err, 400) { // an empty range
		alerts, err = b.api.Alerts(ctx, client.AlertQuery{State: "firing", Rules: []string{made.ID}, Severities: []string{"info"}, From: now, Limit: 5})
	}
	require.NoError(t, err)
	require.Empty(t, alerts)
	templates, err := b.api.AlertTemplates(ctx)
	require.NoError(t, err)
	for _, x := range templates {
		_, err := b.api.CreateAlertRule(ctx, x.Title, x.Rule)
		require.NoError(t, err)
	}
	require.NoError(t, b.api.DeleteAlertRule(ctx, made.ID))
	require.True(t, client.IsStatus(b.api.DeleteAlertRule(ctx, made.ID), 404))
}
