// Package channels answers the routes of notification channels and of what was sent through them.
//
// Secrets of channels are written and never read back: answers, the audit log and errors name those that are set.
package channels

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/queue"
	"github.com/tokenboard/tokenboard/internal/notify/seal"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Handlers answer the routes of channels and deliveries.
type Handlers struct {
	*api.Env
	Store store.Alerts
	Audit *audit.Log
	// Sealer encrypts the secrets of channels; nil where there is no key secret, so that none can be stored.
	Sealer *seal.Sealer
	// Wake makes the queue look at once for what is due; nil where another process sends.
	Wake func()
}

// maxChannels bounds the channels of an installation.
const maxChannels = 100

// Routes adds the routes.
func (h *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadAlerts, api.Operation(http.MethodGet, "/alerts/channels", "alert-channels", "Where notifications are sent, oldest first"), h.list)
	api.Register(r, access.ReadAlerts, api.Operation(http.MethodGet, "/alerts/channels/kinds", "alert-channel-kinds", "The kinds of channels with their fields"), h.kinds)
	api.Register(r, access.ReadAlerts, api.Operation(http.MethodGet, "/alerts/channels/{id}", "alert-channel", "One channel"), h.get)
	create := api.Operation(http.MethodPost, "/alerts/channels", "create-alert-channel", "Add a channel; its secrets are stored encrypted and never shown")
	create.DefaultStatus = http.StatusCreated
	api.Register(r, access.ManageAlerts, create, h.create)
	api.Register(r, access.ManageAlerts, api.Operation(http.MethodPatch, "/alerts/channels/{id}", "change-alert-channel", "Change a channel, or set its secrets again"), h.change)
	api.Register(r, access.ManageAlerts, api.Operation(http.MethodDelete, "/alerts/channels/{id}", "delete-alert-channel", "Delete a channel; what waits for it is given up"), h.remove)
	api.Register(r, access.ManageAlerts, api.Operation(http.MethodPost, "/alerts/channels/{id}/test", "test-alert-channel", "Send a test message, and wait up to ten seconds for what becomes of it"), h.test)
	api.Register(r, access.ReadAlerts, api.Operation(http.MethodGet, "/alerts/deliveries", "alert-deliveries", "Notifications that were sent, wait, or were given up, newest first"), h.deliveries)
	api.Register(r, access.ManageAlerts, api.Operation(http.MethodPost, "/alerts/deliveries/{id}/retry", "retry-alert-delivery", "Send a notification again that was given up"), h.retry)
}

// Field is a field of a kind of channel.
type Field struct {
	Name     string   `json:"name"`
	Secret   bool     `json:"secret" doc:"it belongs in secrets, and is never shown"`
	Required bool     `json:"required"`
	Values   []string `json:"values" doc:"what it may be, the first where it is not set; empty: a text"`
	Form     string   `json:"form" doc:"what a text has to look like"`
}

// SchemaName is the name in the description of the API.
func (Field) SchemaName() string { return "AlertChannelField" }

// Kind is a kind of channel.
type Kind struct {
	Kind   string  `json:"kind"`
	Fields []Field `json:"fields"`
}

// SchemaName is the name in the description of the API.
func (Kind) SchemaName() string { return "AlertChannelKind" }

func (h *Handlers) kinds(context.Context, *struct{}) (*api.Envelope[[]Kind], error) {
	out := []Kind{}
	for _, k := range channel.Kinds() {
		kind := Kind{Kind: k.Name, Fields: []Field{}}
		for _, f := range k.Fields {
			kind.Fields = append(kind.Fields, Field{Name: f.Name, Secret: f.Secret, Required: f.Required, Values: append([]string{}, f.Values...), Form: f.Form()})
		}
		out = append(out, kind)
	}
	return api.Answer(out), nil
}

// Channel is a channel without its secrets.
type Channel struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Kind      string            `json:"kind"`
	Enabled   bool              `json:"enabled" doc:"where not, what is sent to it is given up"`
	Language  string            `json:"language" enum:"en,zh" doc:"of its messages"`
	Settings  map[string]string `json:"settings"`
	Secrets   []string          `json:"secrets" doc:"names of those that are set; they are never shown"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Version   int64             `json:"version" doc:"of its last change"`
}

// SchemaName is the name in the description of the API.
func (Channel) SchemaName() string { return "AlertChannel" }

func (h *Handlers) channelOf(c *store.AlertChannel) (Channel, error) {
	var s queue.Stored
	if err := json.Unmarshal(c.Document, &s); err != nil {
		return Channel{}, h.Failed("read a channel", err)
	}
	out := Channel{
		ID: c.ID, Name: c.Name, Kind: s.Kind, Enabled: s.Enabled, Language: s.Language, Settings: s.Settings, Secrets: append([]string{}, s.Secrets...),
		CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(), Version: c.Version,
	}
	if out.Settings == nil {
		out.Settings = map[string]string{}
	}
	return out, nil
}

func (h *Handlers) list(ctx context.Context, in *api.ListPage) (*api.List[Channel], error) {
	all, err := h.Store.AlertChannels(ctx)
	if err != nil {
		return nil, h.Failed("channels", err)
	}
	page, more, last, err := api.PageOf(all, *in, func(c *store.AlertChannel) string { return c.ID })
	if err != nil {
		return nil, h.Failed("channels", err)
	}
	out := &api.List[Channel]{}
	out.Total, out.Body.Data = len(all), []Channel{}
	for i := range page {
		c, err := h.channelOf(&page[i])
		if err != nil {
			return nil, err
		}
		out.Body.Data = append(out.Body.Data, c)
	}
	if more {
		out.More("/alerts/channels", *in, last, nil)
	}
	return out, nil
}

func unknownChannel() error {
	return api.WithReason("channel_unknown", api.NewProblem(http.StatusNotFound, "no channel has this id; "+api.Base+"/alerts/channels lists them"))
}

// the finds the channel of a route.
func (h *Handlers) the(ctx context.Context, id string) (store.AlertChannel, error) {
	all, err := h.Store.AlertChannels(ctx)
	if err != nil {
		return store.AlertChannel{}, h.Failed("find a channel", err)
	}
	i := slices.IndexFunc(all, func(c store.AlertChannel) bool { return c.ID == id })
	if i < 0 {
		return store.AlertChannel{}, unknownChannel()
	}
	return all[i], nil
}

// channelID is the id of a route.
type channelID struct {
	ID string `path:"id" maxLength:"100"`
}

func (h *Handlers) get(ctx context.Context, in *channelID) (*api.Envelope[Channel], error) {
	stored, err := h.the(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	c, err := h.channelOf(&stored)
	if err != nil {
		return nil, err
	}
	return api.Answer(c), nil
}

// changed turns the store's answer to a change into ours.
func (h *Handlers) changed(what string, err error) error {
	switch {
	case errors.Is(err, store.ErrAlertUnknown):
		return unknownChannel()
	case errors.Is(err, store.ErrAlertName):
		return api.WithReason("channel_name_taken", api.NewProblem(http.StatusConflict, "a channel of this name exists already; choose another name"))
	case errors.Is(err, store.ErrTooManyRules):
		return api.WithReason("channels_full", api.NewProblem(http.StatusConflict, "there are 100 channels already; delete some"), maxChannels)
	case errors.Is(err, store.ErrChanged):
		return api.WithReason("changed_meanwhile", api.NewProblem(http.StatusConflict, "somebody else changed it meanwhile; read it again"))
	}
	return h.Failed(what, err)
}
