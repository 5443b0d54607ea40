package channels

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Delivery is a notification for one channel and what became of it.
type Delivery struct {
	ID        string     `json:"id" doc:"the same in every try; receivers of webhooks see it as webhook-id"`
	ChannelID string     `json:"channel_id"`
	Channel   string     `json:"channel" doc:"its name; empty where it was deleted"`
	RuleID    string     `json:"rule_id" doc:"empty for a test"`
	Rule      string     `json:"rule" doc:"the rule's name when it was sent"`
	AlertID   string     `json:"alert_id" doc:"empty for a test"`
	State     string     `json:"state" enum:"firing,resolved,test"`
	Severity  string     `json:"severity"`
	Subject   string     `json:"subject"`
	Status    string     `json:"status" enum:"waiting,sent,dead" doc:"dead: it is not tried any more"`
	Attempts  int        `json:"attempts"`
	LastError string     `json:"last_error" doc:"of the last try; empty where it was accepted"`
	CreatedAt time.Time  `json:"created_at"`
	TriedAt   *time.Time `json:"tried_at" doc:"null before the first try"`
	NextAt    *time.Time `json:"next_at" doc:"when it is tried again; null where it is not"`
}

// SchemaName is the name in the description of the API.
func (Delivery) SchemaName() string { return "AlertDelivery" }

func deliveryOf(d *store.AlertDelivery, names map[string]string) Delivery {
	var n alert.Notification
	_ = json.Unmarshal(d.Notification, &n) // one that cannot be read is shown without its content
	out := Delivery{
		ID: d.ID, ChannelID: d.Channel, Channel: names[d.Channel], RuleID: d.Rule, Rule: n.RuleName, AlertID: d.Alert, State: string(n.State), Severity: string(n.Severity),
		Subject: n.Subject, Status: string(d.Status), Attempts: d.Attempts, LastError: d.LastError, CreatedAt: d.CreatedAt.UTC(),
	}
	if n.Test {
		out.State = "test"
	}
	if d.Attempts > 0 {
		out.TriedAt = api.OptionalTime(d.UpdatedAt)
	}
	if d.Status == store.DeliveryWaiting {
		out.NextAt = api.OptionalTime(d.NextAt)
	}
	return out
}

func (h *Handlers) names(ctx context.Context) (map[string]string, error) {
	all, err := h.Store.AlertChannels(ctx)
	if err != nil {
		return nil, h.Failed("channels", err)
	}
	names := map[string]string{}
	for i := range all {
		names[all[i].ID] = all[i].Name
	}
	return names, nil
}

func (h *Handlers) deliveries(ctx context.Context, in *struct {
	api.ListPage
	Channel []string `query:"channel,explode" maxItems:"100" doc:"ids of channels"`
	Rule    []string `query:"rule,explode" maxItems:"100" doc:"ids of rules"`
	Alert   []string `query:"alert,explode" maxItems:"100" doc:"ids of alerts"`
	Status  []string `query:"status,explode" maxItems:"3" enum:"waiting,sent,dead"`
}) (*api.List[Delivery], error) {
	names, err := h.names(ctx)
	if err != nil {
		return nil, err
	}
	q := store.DeliveryQuery{Channels: in.Channel, Rules: in.Rule, Alerts: in.Alert, After: in.Cursor, Limit: in.Limit + 1}
	for _, s := range in.Status {
		q.Statuses = append(q.Statuses, store.DeliveryStatus(s))
	}
	found, total, err := h.Store.Deliveries(ctx, q)
	if err != nil {
		return nil, h.Failed("deliveries", err)
	}
	out := &api.List[Delivery]{}
	if out.Total, out.Body.Data = total, []Delivery{}; len(found) > in.Limit {
		found = found[:in.Limit]
		out.More("/alerts/deliveries", in.ListPage, found[in.Limit-1].ID, url.Values{"channel": in.Channel, "rule": in.Rule, "alert": in.Alert, "status": in.Status})
	}
	for i := range found {
		out.Body.Data = append(out.Body.Data, deliveryOf(&found[i], names))
	}
	return out, nil
}

// How long a test is waited for, and how often it is looked at.
const (
	testWait = 10 * time.Second
	testPoll = 100 * time.Millisecond
)

func (h *Handlers) test(ctx context.Context, in *channelID) (*api.Envelope[Delivery], error) {
	c, err := h.the(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	now := h.Now().UTC()
	content, err := json.Marshal(alert.Notification{State: alert.Firing, Severity: alert.Info, Test: true, StartedAt: now, At: now})
	if err != nil {
		return nil, h.Failed("test a channel", err)
	}
	d := store.AlertDelivery{
		ID: "dlv_" + strings.ToLower(rand.Text()), Channel: c.ID, Notification: content, CreatedAt: now, UpdatedAt: now, NextAt: now, Status: store.DeliveryWaiting, Version: 1,
	}
	entry, err := h.Audit.Entry(ctx, "alert_channel.test", target(&c), nil, nil)
	if err != nil {
		return nil, err
	}
	if err := h.Store.AddDelivery(ctx, d, entry); err != nil {
		return nil, h.changed("test a channel", err)
	}
	if d, err = h.await(ctx, d); err != nil {
		return nil, h.Failed("test a channel", err)
	}
	return api.Answer(deliveryOf(&d, map[string]string{c.ID: c.Name})), nil
}

// await waits until a delivery was tried, for a while; another process may try it.
func (h *Handlers) await(ctx context.Context, d store.AlertDelivery) (store.AlertDelivery, error) {
	if h.Wake == nil {
		return d, nil
	}
	h.Wake()
	end := time.NewTimer(testWait)
	defer end.Stop()
	look := time.NewTicker(testPoll)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return d, ctx.Err()
		case <-end.C:
			return d, nil
		case <-look.C:
		}
		found, _, err := h.Store.Deliveries(ctx, store.DeliveryQuery{IDs: []string{d.ID}, Limit: 1})
		if err != nil {
			return d, err
		}
		if len(found) == 1 && found[0].Status != store.DeliveryWaiting {
			return found[0], nil
		}
	}
}

func (h *Handlers) retry(ctx context.Context, in *channelID) (*api.Envelope[Delivery], error) {
	found, _, err := h.Store.Deliveries(ctx, store.DeliveryQuery{IDs: []string{in.ID}, Limit: 1})
	if err != nil {
		return nil, h.Failed("find a delivery", err)
	}
	if len(found) == 0 {
		return nil, api.WithReason("delivery_unknown", api.NewProblem(http.StatusNotFound, "no delivery has this id; "+api.Base+"/alerts/deliveries lists them"))
	}
	d := found[0]
	if d.Status != store.DeliveryDead {
		return nil, api.WithReason("delivery_not_dead", api.NewProblem(http.StatusConflict, "only a delivery that was given up can be sent again; this one is "+string(d.Status)))
	}
	names, err := h.names(ctx)
	if err != nil {
		return nil, err
	}
	if names[d.Channel] == "" {
		return nil, unknownChannel()
	}
	d.Status, d.Attempts, d.NextAt = store.DeliveryWaiting, 0, h.Now().UTC()
	entry, err := h.Audit.Entry(ctx, "alert_delivery.retry", store.AuditTarget{Type: "alert_delivery", ID: d.ID, Name: names[d.Channel]}, nil, nil)
	if err != nil {
		return nil, err
	}
	if err := h.Store.UpdateDelivery(ctx, 0, d, entry); err != nil {
		return nil, h.changed("send a notification again", err)
	}
	if h.Wake != nil {
		h.Wake()
	}
	return api.Answer(deliveryOf(&d, names)), nil
}
