package keys

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/keysync"
	"github.com/tokenboard/tokenboard/internal/store"
)

func (c *Handlers) keySyncRoutes(r *api.Router) {
	api.Register(r, access.ManageKeys, api.Operation(http.MethodGet, "/key-sync", "key-sync", "How the keys of proxies stand to those here"), c.keySync)
	api.Register(r, access.ManageKeys, api.Operation(http.MethodPost, "/key-sync/repair", "repair-key-sync", "Put right at once what can be"), c.repairKeySync)
}

// keysChanged passes secrets to the key sync of proxies that were just made and stored; they are kept nowhere
// else. Changes without a secret are seen in the store.
func (c *Handlers) keysChanged(secrets ...string) {
	if c.KeySync != nil {
		c.KeySync.Add(secrets...)
	}
}

// KeyDrift is one difference between a proxy's keys and those here.
type KeyDrift struct {
	Kind        string     `json:"kind" enum:"missing,unknown,locked,no_keys" doc:"missing: a key that the proxy lacks and whose secret nobody has; unknown: a key of the proxy that has no name here; locked: all keys are gone, and a made-up one keeps the proxy closed; no_keys: the proxy lets everybody in"`
	Key         *SyncedKey `json:"key" doc:"the key that is missing; null for other kinds"`
	Fingerprint string     `json:"fingerprint,omitempty" doc:"of an unknown key: its name (ext_...), which the fingerprint of an import takes"`
	Display     string     `json:"display,omitempty"`
	Remedy      string     `json:"remedy" doc:"what to do"`
}

// SyncedKey identifies a key that a proxy lacks.
type SyncedKey struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Display string `json:"display"`
}

// SyncedProxy is a proxy whose keys follow those here.
type SyncedProxy struct {
	Name      string     `json:"name"`
	Endpoint  string     `json:"endpoint"`
	Version   string     `json:"version" doc:"of the proxy; empty where it did not say"`
	Status    string     `json:"status" enum:"pending,in_sync,drift,unreachable,refused" doc:"pending: not asked yet; refused: the management key is wrong, and not sent again before a restart"`
	Error     string     `json:"error"`
	CheckedAt *time.Time `json:"checked_at" doc:"when the proxy last reported its keys"`
	Keys      int        `json:"key_count" doc:"keys in the proxy"`
	Known     int        `json:"synced_count" doc:"of them, those that are wanted there"`
	Drift     []KeyDrift `json:"drift" nullable:"false"`
}

// KeySyncState is all of them.
type KeySyncState struct {
	Proxies []SyncedProxy `json:"proxies" nullable:"false" doc:"empty where key_sync is not configured"`
}

func (c *Handlers) keySyncState() KeySyncState {
	out := KeySyncState{Proxies: []SyncedProxy{}}
	if c.KeySync == nil {
		return out
	}
	for _, s := range c.KeySync.States() {
		p := SyncedProxy{
			Name: s.Name, Endpoint: s.Endpoint, Version: s.Version, Status: string(s.Status), Error: s.Error, CheckedAt: api.OptionalTime(s.CheckedAt),
			Keys: s.Keys, Known: s.Synced, Drift: []KeyDrift{},
		}
		for _, d := range s.Drift {
			drift := KeyDrift{Kind: string(d.Kind), Display: d.Display, Remedy: d.Remedy}
			if d.Fingerprint != "" {
				drift.Fingerprint = keyindex.ExternalName(d.Fingerprint)
			}
			if d.KeyID != "" {
				drift.Key = &SyncedKey{ID: d.KeyID, Name: d.KeyName, Display: d.Display}
			}
			p.Drift = append(p.Drift, drift)
		}
		out.Proxies = append(out.Proxies, p)
	}
	return out
}

func (c *Handlers) keySync(context.Context, *struct{}) (*api.Envelope[KeySyncState], error) {
	return api.Answer(c.keySyncState()), nil
}

type repairInput struct {
	Body *struct {
		Proxy         string `json:"proxy,omitempty" maxLength:"256" doc:"its name; without it, all"`
		RemoveUnknown bool   `json:"remove_unknown,omitempty" doc:"also removes the keys that have no name here: whoever uses one is shut out"`
	}
}

// auditedRepair is the form of a repair in the audit log.
type auditedRepair struct {
	RemoveUnknown bool           `json:"remove_unknown"`
	Differences   map[string]int `json:"differences"` // by proxy
}

func (c *Handlers) repairKeySync(ctx context.Context, in *repairInput) (*api.Envelope[KeySyncState], error) {
	if c.KeySync == nil {
		return nil, api.WithReason("proxy_none", api.NewProblem(http.StatusConflict, "no proxy is configured; name one in key_sync of the tokenconsole extension"))
	}
	proxy, removeUnknown := "", false
	if in.Body != nil {
		proxy, removeUnknown = in.Body.Proxy, in.Body.RemoveUnknown
	}
	before := auditedRepair{RemoveUnknown: removeUnknown, Differences: map[string]int{}}
	for _, p := range c.keySyncState().Proxies {
		if proxy == "" || proxy == p.Name {
			before.Differences[p.Name] = len(p.Drift)
		}
	}
	if len(before.Differences) == 0 {
		return nil, api.WithReason("proxy_unknown", api.NewProblem(http.StatusNotFound, "body.proxy: no proxy has this name; "+api.Base+"/key-sync lists them"))
	}
	name := proxy
	if name == "" {
		name = "all proxies"
	}
	if err := c.Audit.Note(ctx, "key_sync.repair", store.AuditTarget{Type: "proxy", Name: name}, before, nil); err != nil {
		return nil, err
	}
	switch err := c.KeySync.Repair(ctx, proxy, removeUnknown); {
	case err == nil:
	case errors.Is(err, cliproxy.ErrRefused), errors.Is(err, cliproxy.ErrUnreachable), errors.Is(err, cliproxy.ErrDisabled):
		return nil, api.WithReason("proxy_unreachable", api.NewProblem(http.StatusBadGateway, "a proxy could not be repaired: "+err.Error()))
	case errors.Is(err, keysync.ErrUnknownProxy):
		return nil, api.WithReason("proxy_unknown", api.NewProblem(http.StatusNotFound, "body.proxy: no proxy has this name; "+api.Base+"/key-sync lists them"))
	default:
		return nil, c.Failed("repair the keys of a proxy", err)
	}
	return api.Answer(c.keySyncState()), nil
}
