package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Remove deletes a rule. What it fired ends, and those who were told of it are told so, where the rule says that ends are sent:
// incidents that it opened elsewhere are closed. All of it is one transaction.
func Remove(ctx context.Context, d store.Alerts, r *store.AlertRule, now time.Time, e store.AuditEntry) error {
	const tries = 10 // the rule may be evaluated meanwhile, at most once a second
	for try := 1; ; try++ {
		end, err := endOf(ctx, d, r, now)
		if err != nil {
			return err
		}
		if err = d.DeleteAlertRule(ctx, r.ID, 0, e, end); !errors.Is(err, store.ErrAlertStates) || try == tries {
			return err
		}
	}
}

// endOf makes what is told of the end of what a rule fired.
func endOf(ctx context.Context, d store.Alerts, r *store.AlertRule, now time.Time) (end store.AlertEnd, err error) {
	var rule alert.Rule
	if err := json.Unmarshal(r.Document, &rule); err != nil {
		rule = alert.Rule{} // it cannot be read, and said nothing
	}
	states, err := d.AlertStates(ctx)
	if err != nil {
		return end, fmt.Errorf("read the states of alerts: %w", err)
	}
	end.States = slices.DeleteFunc(states, func(s store.AlertState) bool { return s.Rule != r.ID })
	if !rule.Resolved || len(end.States) == 0 {
		return end, nil
	}
	firing, _, err := d.Alerts(ctx, store.AlertQuery{Rules: []string{r.ID}, Firing: true})
	if err != nil {
		return end, fmt.Errorf("list what an alert rule fired: %w", err)
	}
	channels, err := d.AlertChannels(ctx)
	if err != nil {
		return end, fmt.Errorf("list the channels of alerts: %w", err)
	}
	channels = slices.DeleteFunc(channels, func(c store.AlertChannel) bool { return disabled(c.Document) })
	for i := range end.States {
		s := &end.States[i]
		var p alert.Progress
		which := -1
		if err := json.Unmarshal(s.Data, &p); err == nil {
			which = slices.IndexFunc(firing, func(a store.Alert) bool { return a.ID == p.Alert })
		}
		if which < 0 || p.Sent == 0 || lastsOnly(rule.Kind, s.Subject) {
			continue // nobody was told of it
		}
		var n alert.Notification
		if err := json.Unmarshal(firing[which].Document, &n); err != nil {
			return end, fmt.Errorf("%w: alert %s cannot be read: %w", store.ErrCorrupt, p.Alert, err)
		}
		at := now
		if !at.After(p.Notified) { // it does not overtake what another process's clock dated
			at = p.Notified.Add(1)
		}
		n.State, n.At, n.Repeated, n.Causes = alert.Resolved, at, false, nil
		deliveries, err := deliveriesOf(rule.Channels, channels, &p, &n, at)
		if err != nil {
			return end, err
		}
		end.Deliveries = append(end.Deliveries, deliveries...)
	}
	return end, nil
}
