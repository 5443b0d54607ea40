package console

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	defaultAuditMaxAge = 365 * 24 * time.Hour
	defaultAuditMax    = 1_000_000 // entries
	auditPruneEvery    = time.Hour
	auditPruneShare    = 100 // of the entries that are kept: so many new ones, and the oldest go
	auditPruneMost     = 500 // entries in one transaction, which others wait for
	auditPrunePatience = 200 * time.Millisecond
	maxAuditDocument   = 16 << 10 // bytes of what was before, and of what is after
)

// auditLog is the audit log: what writes its entries and drops old ones, and answers its routes.
type auditLog struct {
	*Env
	Directory store.Directory
	// Entries go when they are older than MaxAge, and the oldest when there are more than Max.
	MaxAge time.Duration
	Max    int64

	audits auditRetention
}

// newAuditLog returns the audit log of a directory. Entries are kept for maxAge (a year where 0), and max of them (a
// million where 0).
func newAuditLog(e *Env, d store.Directory, maxAge time.Duration, max int64) *auditLog {
	if maxAge == 0 {
		maxAge = defaultAuditMaxAge
	}
	if max == 0 {
		max = defaultAuditMax
	}
	return &auditLog{Env: e, Directory: d, MaxAge: maxAge, Max: max}
}

// Routes adds the routes.
func (c *auditLog) Routes(r *router) {
	register(r, access.ReadAudit, operation(http.MethodGet, "/audit", "audit", "Who changed what, newest first"), c.listAudit)
	register(r, access.ReadAudit, operation(http.MethodGet, "/audit/export", "audit-export", "The audit log as a file, newest first, streamed"), c.exportAudit)
}

// audit describes a change for the audit log: what is done ("key.create") to what, and what it was
// before and is after, as small structs without secrets (nil where there is nothing). The entry
// goes to the store with the change itself, so that there is never one without the other:
//
//	entry, err := c.Audit.Entry(ctx, "key.create", store.AuditTarget{Type: "key", ID: k.ID, Name: k.Name}, nil, auditedKey(&k))
//	...
//	err = c.Directory.AddKeys(ctx, c.MaxKeys, []store.Key{k}, entry)
//
// A change outside the store is noted with note. The error is an answer to the client.
func (c *auditLog) Entry(ctx context.Context, action string, target store.AuditTarget, before, after any) (store.AuditEntry, error) {
	c.Prune(ctx)
	return c.EntryInChange(ctx, action, target, before, after)
}

// auditEntry is audit for use within a change of the store: it asks the store for nothing.
func (c *auditLog) EntryInChange(ctx context.Context, action string, target store.AuditTarget, before, after any) (store.AuditEntry, error) {
	p := access.From(ctx)
	e := store.AuditEntry{
		Time: c.Now().UTC(), Actor: store.AuditActor{ID: p.ID, Name: redact(p.Name), Via: p.Via}, Source: p.Source, Action: action,
		Target: store.AuditTarget{Type: target.Type, ID: redact(target.ID), Name: redact(target.Name)},
		Own:    p.Role == access.Member || p.Role == access.Viewer,
	}
	c.audits.written.Add(1)
	var err error
	if e.Before, err = auditDocument(before); err == nil {
		e.After, err = auditDocument(after)
	}
	if err != nil {
		return e, c.Failed("audit "+action, err)
	}
	return e, nil
}

// note writes the entry of a change that the store does not make itself. Where it cannot be
// written the change must not be made, or must be said to have failed.
func (c *auditLog) Note(ctx context.Context, action string, target store.AuditTarget, before, after any) error {
	e, err := c.Entry(ctx, action, target, before, after)
	if err != nil {
		return err
	}
	if err := c.Directory.AddAudit(ctx, e); err != nil {
		return c.Failed("audit "+action, err)
	}
	return nil
}

// secretFields are names of fields that the audit log never has.
var secretFields = []string{"password", "secret", "token", "fingerprint", "hash", "key", "authorization", "cookie", "client_secret"}

// auditDocument makes the JSON object of an entry. Secrets in texts that people wrote are taken out; a
// field that is made for one is a mistake of ours, and refused.
func auditDocument(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode for the audit log: %w", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, fmt.Errorf("the audit log takes objects: %w", err)
	}
	if err := refuseSecrets(fields); err != nil {
		return nil, err
	}
	b = secretForms.ReplaceAll(b, []byte("[redacted]"))
	if len(b) > maxAuditDocument {
		b, err = json.Marshal(map[string]int{"bytes_left_out": len(b)})
	}
	return b, err
}

func refuseSecrets(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if text, ok := value.(string); ok && text != "" && slices.Contains(secretFields, name) {
				return fmt.Errorf("a field named %s does not belong in the audit log", name)
			}
			if err := refuseSecrets(value); err != nil {
				return err
			}
		}
	case []any:
		for _, value := range v {
			if err := refuseSecrets(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// auditRetention remembers when old entries were dropped last.
type auditRetention struct {
	written atomic.Int64 // entries since then
	mu      sync.Mutex   // held while entries are dropped
	last    time.Time    // zero: some may be left to drop
}

// pruneAudit drops old entries before a change adds one: when there are a hundredth more than are kept, and once
// in an hour. Many are dropped in steps, between which others write, and the next changes go on with them.
// Readers do not see what is too old before that.
func (c *auditLog) Prune(ctx context.Context) {
	r := &c.audits
	if !r.mu.TryLock() {
		return // another change does it
	}
	defer r.mu.Unlock()
	now := c.Now()
	if now.Sub(r.last) < auditPruneEvery && r.written.Load() < max(1, c.Max/auditPruneShare) {
		return
	}
	r.last = now
	r.written.Store(0)
	for begun := time.Now(); ; {
		n, err := c.Directory.DropAudit(ctx, now.Add(-c.MaxAge), c.Max, auditPruneMost)
		if err != nil {
			c.Logger.Sugar().Warnw("old entries of the audit log could not be dropped", "error", err)
			return
		}
		if n < auditPruneMost {
			return
		}
		if time.Since(begun) > auditPrunePatience {
			r.last = time.Time{}
			return
		}
	}
}

// AuditItem is one change.
type AuditItem struct {
	ID     int64           `json:"id"`
	Time   time.Time       `json:"time"`
	Actor  AuditActor      `json:"actor"`
	Source string          `json:"source_ip" doc:"address that the request came from; empty where there was none"`
	Action string          `json:"action" doc:"what was done to what, such as key.create"`
	Target AuditTarget     `json:"target"`
	Before json.RawMessage `json:"before" doc:"an object; null where there was nothing before"`
	After  json.RawMessage `json:"after" doc:"an object; null where there is nothing after"`
}

// AuditActor is who made a change.
type AuditActor struct {
	ID   string `json:"id" doc:"of a user; empty for others"`
	Name string `json:"name"`
	Via  string `json:"via" doc:"how it signed in: open, session, token, oidc, auth, command line"`
}

// AuditTarget is what was changed.
type AuditTarget struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name" doc:"at the time of the change"`
}

// AuditPage is a page of the audit log.
type AuditPage struct {
	Items      []AuditItem `json:"items"`
	NextCursor string      `json:"next_cursor" doc:"cursor of the next page; empty at the end"`
}

// AuditFilters select entries of the audit log.
type AuditFilters struct {
	From   string   `query:"from" doc:"changes at this time or later; RFC 3339 or Unix seconds" maxLength:"64"`
	To     string   `query:"to" doc:"changes before this time; RFC 3339 or Unix seconds" maxLength:"64"`
	Actor  []string `query:"actor,explode" doc:"id or name of who made the change" maxItems:"100"`
	Action []string `query:"action,explode" doc:"an action (key.create) or all of a kind (key)" maxItems:"100"`
	Target []string `query:"target,explode" doc:"type, id or name of what was changed" maxItems:"100"`
}

// auditFilter reads the filters. What is older than the log keeps is not shown, also before it is dropped.
func (c *auditLog) auditFilter(in *AuditFilters) (store.AuditFilter, error) {
	from, to, err := timeRange(in.From, in.To)
	if err != nil {
		return store.AuditFilter{}, err
	}
	out := store.AuditFilter{From: from, To: to, Actors: in.Actor, Actions: in.Action, Targets: in.Target}
	if oldest := c.Now().Add(-c.MaxAge); out.From.Before(oldest) {
		out.From = oldest
	}
	return out, nil
}

func auditItemOf(e *store.AuditEntry) AuditItem {
	return AuditItem{
		ID: e.ID, Time: e.Time, Actor: AuditActor(e.Actor), Source: e.Source, Action: e.Action, Target: AuditTarget(e.Target),
		Before: e.Before, After: e.After,
	}
}

func (c *auditLog) listAudit(ctx context.Context, in *struct {
	AuditFilters
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Cursor string `query:"cursor" maxLength:"20"`
}) (*envelope[AuditPage], error) {
	f, err := c.auditFilter(&in.AuditFilters)
	if err != nil {
		return nil, err
	}
	if in.Cursor != "" {
		if f.Before, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || f.Before < 1 {
			return nil, c.Failed("audit", store.ErrCursor)
		}
	}
	f.Limit = in.Limit + 1
	page := AuditPage{Items: []AuditItem{}}
	err = c.Directory.Audit(ctx, f, func(e *store.AuditEntry) error {
		page.Items = append(page.Items, auditItemOf(e))
		return nil
	})
	if err != nil {
		return nil, c.Failed("audit", err)
	}
	if len(page.Items) > in.Limit {
		page.Items = page.Items[:in.Limit]
		page.NextCursor = strconv.FormatInt(page.Items[in.Limit-1].ID, 10)
	}
	return answer(page), nil
}

func (c *auditLog) exportAudit(ctx context.Context, in *struct {
	AuditFilters
	Format   string `query:"format" default:"ndjson" enum:"ndjson,csv"`
	Timezone string `query:"timezone" doc:"IANA name of the zone of the days in the file's name; by default the console's" maxLength:"64"`
}) (*huma.StreamResponse, error) {
	loc, err := c.Zone(in.Timezone)
	if err != nil {
		return nil, err
	}
	f, err := c.auditFilter(&in.AuditFilters)
	if err != nil {
		return nil, err
	}
	from := f.From
	if in.From == "" {
		from = time.Time{} // all that is kept
	}
	return download(c.Env, fileName("audit", rangeName(from, f.To, c.Now(), loc), in.Format), in.Format, func(out *bufio.Writer) error {
		return c.writeAudit(ctx, out, in.Format, f)
	}), nil
}

var auditHeader = []string{
	"id", "time", "actor_id", "actor_name", "actor_via", "source_ip", "action", "target_type", "target_id", "target_name", "before", "after",
}

func (c *auditLog) writeAudit(ctx context.Context, w *bufio.Writer, format string, f store.AuditFilter) error {
	if format == "ndjson" {
		enc := json.NewEncoder(w)
		return c.auditInPieces(ctx, f, func(e *store.AuditEntry) error { return enc.Encode(auditItemOf(e)) })
	}
	cw := newCSV(w)
	if err := cw.Write(slices.Clone(auditHeader)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	err := c.auditInPieces(ctx, f, func(e *store.AuditEntry) error {
		return cw.Write([]string{
			strconv.FormatInt(e.ID, 10), e.Time.Format(time.RFC3339Nano), e.Actor.ID, e.Actor.Name, e.Actor.Via, e.Source,
			e.Action, e.Target.Type, e.Target.ID, e.Target.Name, string(e.Before), string(e.After),
		})
	})
	if err != nil {
		return err
	}
	return cw.Flush()
}
