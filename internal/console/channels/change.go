package channels

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/message"
	"github.com/tokenboard/tokenboard/internal/notify/queue"
	"github.com/tokenboard/tokenboard/internal/store"
)

// NewChannel is a channel to be added.
type NewChannel struct {
	Name     string            `json:"name" maxLength:"200"`
	Kind     string            `json:"kind" maxLength:"50" doc:"one that /alerts/channels/kinds lists"`
	Enabled  *bool             `json:"enabled,omitempty" doc:"true where it is not said"`
	Language string            `json:"language,omitempty" enum:"en,zh" doc:"of its messages; en where it is not said"`
	Settings map[string]string `json:"settings,omitempty"`
	Secrets  map[string]string `json:"secrets,omitempty" doc:"never shown again"`
}

// SchemaName is the name in the description of the API.
func (NewChannel) SchemaName() string { return "NewAlertChannel" }

// Change has the fields of a channel that a request changes; fields that are not set keep their values.
type Change struct {
	Name     *string            `json:"name,omitempty" maxLength:"200"`
	Enabled  *bool              `json:"enabled,omitempty"`
	Language *string            `json:"language,omitempty" enum:"en,zh"`
	Settings *map[string]string `json:"settings,omitempty" doc:"all settings; where this changes the server that it sends to, all secrets must be set again"`
	Secrets  map[string]string  `json:"secrets,omitempty" doc:"those to be set; an empty text removes one"`
	Version  *int64             `json:"version,omitempty" doc:"the change is made only to this version"`
}

// SchemaName is the name in the description of the API.
func (Change) SchemaName() string { return "AlertChannelChange" }

// draft is a channel while it is made or changed.
type draft struct {
	name     string
	enabled  bool
	channel  channel.Channel
	previous *auditedChannel
}

// auditedChannel is the form of a channel in the audit log.
type auditedChannel struct {
	Name     string            `json:"name"`
	Kind     string            `json:"kind"`
	Enabled  bool              `json:"enabled"`
	Language string            `json:"language"`
	Settings map[string]string `json:"settings,omitempty"`
	Set      []string          `json:"set_secrets,omitempty"` // their names
	Renewed  []string          `json:"renewed_secrets,omitempty"`
}

func (d *draft) audited() *auditedChannel {
	return &auditedChannel{
		Name: d.name, Kind: d.channel.Kind, Enabled: d.enabled, Language: string(d.channel.Language), Settings: maps.Clone(d.channel.Settings),
		Set: slices.Sorted(maps.Keys(d.channel.Secrets)),
	}
}

// fill writes a draft into a stored channel.
func (h *Handlers) fill(d *draft, c *store.AlertChannel) (err error) {
	if c.Name, err = api.CleanText("name", d.name, api.MaxName); err != nil {
		return err
	}
	if d.name = c.Name; c.Name == "" {
		return api.WithReason("name_empty", api.Invalid("body.name", "must not be empty", nil))
	}
	if err := d.channel.Check(); err != nil {
		return unfit(err)
	}
	if h.Sealer == nil {
		return api.WithReason("key_secret_none", api.NewProblem(http.StatusConflict, "there is no key secret that the channel's secrets could be encrypted with: the store has none"))
	}
	if c.Secret, err = h.Sealer.Seal(c.ID, d.channel.Secrets); err != nil {
		return h.Failed("encrypt a channel's secrets", err)
	}
	c.Document, err = json.Marshal(queue.Stored{
		Kind: d.channel.Kind, Enabled: d.enabled, Language: string(d.channel.Language), Settings: d.channel.Settings, Secrets: slices.Sorted(maps.Keys(d.channel.Secrets)),
	})
	if err != nil {
		return h.Failed("store a channel", err)
	}
	c.UpdatedAt = h.Now().UTC()
	return nil
}

// unfit answers for what is wrong with a channel's fields, without their values.
func unfit(err error) error {
	var p *channel.Problem
	if !errors.As(err, &p) { // the first of them
		return err
	}
	location := "body." + p.Field
	if p.Field != "kind" && p.Field != "language" && p.Field != "settings" && p.Field != "secrets" {
		location = "body.settings." + p.Field
		if p.Secret {
			location = "body.secrets." + p.Field
		}
	}
	return api.WithReason("channel_unfit", api.Invalid(location, p.Message, nil))
}

func target(c *store.AlertChannel) store.AuditTarget {
	return store.AuditTarget{Type: "alert_channel", ID: c.ID, Name: c.Name}
}

func (h *Handlers) create(ctx context.Context, in *struct{ Body NewChannel }) (*api.Envelope[Channel], error) {
	b := &in.Body
	d := draft{name: b.Name, enabled: b.Enabled == nil || *b.Enabled, channel: channel.Channel{
		Kind: b.Kind, Language: message.English, Settings: trimmed(b.Settings), Secrets: trimmed(b.Secrets),
	}}
	if b.Language != "" {
		d.channel.Language = message.Language(b.Language)
	}
	c := store.AlertChannel{ID: "chn_" + strings.ToLower(rand.Text()), CreatedAt: h.Now().UTC()}
	if err := h.fill(&d, &c); err != nil {
		return nil, err
	}
	entry, err := h.Audit.Entry(ctx, "alert_channel.create", target(&c), nil, d.audited())
	if err != nil {
		return nil, err
	}
	if c.Version, err = h.Store.PutAlertChannel(ctx, c, maxChannels, entry); err != nil {
		return nil, h.changed("add a channel", err)
	}
	out, err := h.channelOf(&c)
	if err != nil {
		return nil, err
	}
	return api.Answer(out), nil
}

// trimmed removes spaces around values, which come with copying, and what is empty then.
func trimmed(fields map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range fields {
		if value = strings.TrimSpace(value); value != "" {
			out[name] = value
		}
	}
	return out
}

func (h *Handlers) change(ctx context.Context, in *struct {
	ID   string `path:"id" maxLength:"100"`
	Body Change
}) (*api.Envelope[Channel], error) {
	b := &in.Body
	if b.Name == nil && b.Enabled == nil && b.Language == nil && b.Settings == nil && b.Secrets == nil {
		return nil, api.WithReason("change_empty", api.Invalid("body", "must name something to change: name, enabled, language, settings or secrets", nil))
	}
	var c store.AlertChannel
	err := api.UntilUnchanged(ctx, func() (err error) {
		if c, err = h.the(ctx, in.ID); err != nil {
			return err
		}
		if b.Version != nil && *b.Version != c.Version {
			return h.changed("", store.ErrChanged)
		}
		return h.changeOnce(ctx, &c, b)
	})
	if err != nil {
		return nil, err
	}
	out, err := h.channelOf(&c)
	if err != nil {
		return nil, err
	}
	return api.Answer(out), nil
}

// changeOnce changes a channel as it is now; store.ErrChanged where somebody else changes it meanwhile.
func (h *Handlers) changeOnce(ctx context.Context, c *store.AlertChannel, b *Change) error {
	d, err := h.draftOf(c, b)
	if err != nil {
		return err
	}
	before := d.previous
	if b.Name != nil {
		d.name = *b.Name
	}
	if b.Enabled != nil {
		d.enabled = *b.Enabled
	}
	if b.Language != nil {
		d.channel.Language = message.Language(*b.Language)
	}
	if err := h.fill(d, c); err != nil {
		return err
	}
	after := d.audited()
	after.Renewed = slices.Sorted(maps.Keys(trimmed(b.Secrets)))
	entry, err := h.Audit.Entry(ctx, "alert_channel.update", target(c), before, after)
	if err != nil {
		return err
	}
	version, err := h.Store.PutAlertChannel(ctx, *c, maxChannels, entry)
	if errors.Is(err, store.ErrChanged) {
		return err
	}
	if err != nil {
		return h.changed("change a channel", err)
	}
	c.Version = version
	return nil
}

// draftOf reads a stored channel with the settings and secrets of a change. Secrets that stay are never sent to another
// server than the one that they were set for: who may change a channel could have them sent to a server of their own.
func (h *Handlers) draftOf(c *store.AlertChannel, b *Change) (*draft, error) {
	var s queue.Stored
	if err := json.Unmarshal(c.Document, &s); err != nil {
		return nil, h.Failed("read a channel", err)
	}
	d := &draft{name: c.Name, enabled: s.Enabled, channel: channel.Channel{ID: c.ID, Kind: s.Kind, Language: message.Language(s.Language), Settings: s.Settings, Secrets: channel.Secrets{}}}
	for _, name := range s.Secrets {
		d.channel.Secrets[name] = ""
	}
	d.previous = d.audited()
	d.channel.Secrets = channel.Secrets{}
	moved := false
	if b.Settings != nil {
		settings := trimmed(*b.Settings)
		moved = d.channel.Moves(settings)
		d.channel.Settings = settings
	}
	if missing := slices.DeleteFunc(slices.Clone(s.Secrets), func(name string) bool { _, set := b.Secrets[name]; return set }); len(missing) > 0 {
		if moved {
			return nil, api.WithReason("channel_secrets_again", api.Invalid("body.secrets", "must be set again, because the channel would send them to another server: "+strings.Join(missing, ", "), nil))
		}
		if h.Sealer == nil {
			return nil, h.fill(d, c)
		}
		kept, err := h.Sealer.Open(c.ID, c.Secret)
		if err != nil {
			return nil, api.WithReason("channel_secrets_again", api.Invalid("body.secrets", "must be set again: "+err.Error(), nil))
		}
		d.channel.Secrets = kept
	}
	for name, value := range b.Secrets {
		delete(d.channel.Secrets, name)
		if value = strings.TrimSpace(value); value != "" {
			d.channel.Secrets[name] = value
		}
	}
	return d, nil
}

// Deleted is something that was deleted.
type Deleted struct {
	ID string `json:"id"`
}

// SchemaName is the name in the description of the API.
func (Deleted) SchemaName() string { return "DeletedAlertChannel" }

func (h *Handlers) remove(ctx context.Context, in *channelID) (*api.Envelope[Deleted], error) {
	c, err := h.the(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var s queue.Stored
	_ = json.Unmarshal(c.Document, &s) // one that cannot be read is deleted as well
	entry, err := h.Audit.Entry(ctx, "alert_channel.delete", target(&c),
		auditedChannel{Name: c.Name, Kind: s.Kind, Enabled: s.Enabled, Language: s.Language, Settings: s.Settings, Set: s.Secrets}, nil)
	if err != nil {
		return nil, err
	}
	if err := h.Store.DeleteAlertChannel(ctx, c.ID, 0, entry); err != nil {
		return nil, h.changed("delete a channel", err)
	}
	return api.Answer(Deleted{ID: c.ID}), nil
}
