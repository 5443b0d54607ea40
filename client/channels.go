package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// AlertChannel is where notifications are sent. The values of its secrets are never shown.
type AlertChannel struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Kind      string            `json:"kind"`
	Enabled   bool              `json:"enabled"`
	Language  string            `json:"language"`
	Settings  map[string]string `json:"settings"`
	Secrets   []string          `json:"secrets"` // names of those that are set
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Version   int64             `json:"version"`
}

// AlertDelivery is a notification for one channel, and what became of it.
type AlertDelivery struct {
	ID        string     `json:"id"`
	ChannelID string     `json:"channel_id"`
	Channel   string     `json:"channel"`
	RuleID    string     `json:"rule_id"`
	Rule      string     `json:"rule"`
	AlertID   string     `json:"alert_id"`
	State     string     `json:"state"` // firing, resolved or test
	Severity  string     `json:"severity"`
	Subject   string     `json:"subject"`
	Status    string     `json:"status"` // waiting, sent or dead
	Attempts  int        `json:"attempts"`
	LastError string     `json:"last_error"`
	CreatedAt time.Time  `json:"created_at"`
	TriedAt   *time.Time `json:"tried_at"`
	NextAt    *time.Time `json:"next_at"`
}

// AlertChannels lists the channels.
func (c *Client) AlertChannels(ctx context.Context) ([]AlertChannel, error) {
	return call[[]AlertChannel](ctx, c, http.MethodGet, "/alerts/channels", nil, nil)
}

// TestAlertChannel sends a test message and waits up to ten seconds for what becomes of it.
func (c *Client) TestAlertChannel(ctx context.Context, id string) (AlertDelivery, error) {
	return call[AlertDelivery](ctx, c, http.MethodPost, "/alerts/channels/"+url.PathEscape(id)+"/test", nil, nil)
}

// AlertDeliveries lists notifications, newest first, at most limit of them; 0: a page. Without statuses it lists all.
func (c *Client) AlertDeliveries(ctx context.Context, limit int, statuses ...string) ([]AlertDelivery, error) {
	v := url.Values{"status": statuses}
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	return call[[]AlertDelivery](ctx, c, http.MethodGet, "/alerts/deliveries", v, nil)
}

// RetryAlertDelivery sends a notification again that was given up.
func (c *Client) RetryAlertDelivery(ctx context.Context, id string) (AlertDelivery, error) {
	return call[AlertDelivery](ctx, c, http.MethodPost, "/alerts/deliveries/"+url.PathEscape(id)+"/retry", nil, nil)
}
