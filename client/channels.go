package client

import (
	"context"
	"encoding/json"
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

// AlertChannelKind is a kind of channel with its fields.
type AlertChannelKind struct {
	Kind   string              `json:"kind"`
	Fields []AlertChannelField `json:"fields"`
}

// AlertChannelField is a field of a kind of channel.
type AlertChannelField struct {
	Name     string   `json:"name"`
	Secret   bool     `json:"secret"`
	Required bool     `json:"required"`
	Values   []string `json:"values"` // what it may be, the first where it is not set; empty: a text
	Form     string   `json:"form"`   // what a text has to look like
}

// NewAlertChannel is a channel to be added.
type NewAlertChannel struct {
	Name     string            `json:"name"`
	Kind     string            `json:"kind"`
	Enabled  bool              `json:"enabled"`
	Language string            `json:"language,omitempty"` // en where it is empty
	Settings map[string]string `json:"settings,omitempty"`
	Secrets  map[string]string `json:"secrets,omitempty"` // never shown again
}

// AlertChannelChange has what is to be changed; nil stays as it is.
type AlertChannelChange struct {
	Name     *string           `json:"name,omitempty"`
	Enabled  *bool             `json:"enabled,omitempty"`
	Language *string           `json:"language,omitempty"`
	Settings map[string]string `json:"settings,omitempty"` // all of them; where the server changes, the secrets have to be set again
	Secrets  map[string]string `json:"secrets,omitempty"`  // those to be set; an empty text removes one
	Version  int64             `json:"version,omitempty"`  // the change is made only to this version; 0: to any
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

// AlertChannel returns one channel.
func (c *Client) AlertChannel(ctx context.Context, id string) (AlertChannel, error) {
	return call[AlertChannel](ctx, c, http.MethodGet, "/alerts/channels/"+url.PathEscape(id), nil, nil)
}

// AlertChannelKinds lists the kinds of channels with their fields.
func (c *Client) AlertChannelKinds(ctx context.Context) ([]AlertChannelKind, error) {
	return call[[]AlertChannelKind](ctx, c, http.MethodGet, "/alerts/channels/kinds", nil, nil)
}

// AddAlertChannel adds a channel.
func (c *Client) AddAlertChannel(ctx context.Context, n NewAlertChannel) (AlertChannel, error) {
	return call[AlertChannel](ctx, c, http.MethodPost, "/alerts/channels", nil, n)
}

// ChangeAlertChannel changes a channel.
func (c *Client) ChangeAlertChannel(ctx context.Context, id string, change AlertChannelChange) (AlertChannel, error) {
	return call[AlertChannel](ctx, c, http.MethodPatch, "/alerts/channels/"+url.PathEscape(id), nil, change)
}

// RemoveAlertChannel removes a channel; what waits for it is given up.
func (c *Client) RemoveAlertChannel(ctx context.Context, id string) error {
	_, err := call[json.RawMessage](ctx, c, http.MethodDelete, "/alerts/channels/"+url.PathEscape(id), nil, nil)
	return err
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
