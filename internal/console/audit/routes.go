package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/download"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Routes adds the routes.
func (c *Log) Routes(r *api.Router) {
	api.Register(r, access.ReadAudit, api.Operation(http.MethodGet, "/audit", "audit", "Who changed what, newest first"), c.list)
	api.Register(r, access.ReadAudit, api.Operation(http.MethodGet, "/audit/export", "audit-export", "The audit log as a file, newest first, streamed"), c.export)
}

// Item is one change.
type Item struct {
	ID     int64           `json:"id"`
	Time   time.Time       `json:"time"`
	Actor  Actor           `json:"actor"`
	Source string          `json:"source_ip" doc:"address that the request came from; empty where there was none"`
	Action string          `json:"action" doc:"what was done to what, such as key.create"`
	Target Target          `json:"target"`
	Before json.RawMessage `json:"before" doc:"an object; null where there was nothing before"`
	After  json.RawMessage `json:"after" doc:"an object; null where there is nothing after"`
}

// SchemaName is the name in the description of the API.
func (Item) SchemaName() string { return "AuditItem" }

// Actor is who made a change.
type Actor struct {
	ID   string `json:"id" doc:"of a user; empty for others"`
	Name string `json:"name"`
	Via  string `json:"via" doc:"how it signed in: open, session, token, oidc, auth, command line"`
}

// SchemaName is the name in the description of the API.
func (Actor) SchemaName() string { return "AuditActor" }

// Target identifies the object that was changed.
type Target struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name" doc:"at the time of the change"`
}

// SchemaName is the name in the description of the API.
func (Target) SchemaName() string { return "AuditTarget" }

// Page is a page of the audit log.
type Page struct {
	Items      []Item `json:"items"`
	NextCursor string `json:"next_cursor" doc:"cursor of the next page; empty at the end"`
}

// SchemaName is the name in the description of the API.
func (Page) SchemaName() string { return "AuditPage" }

// Filters select entries of the audit log.
type Filters struct {
	From   string   `query:"from" doc:"changes at this time or later; RFC 3339 or Unix seconds" maxLength:"64"`
	To     string   `query:"to" doc:"changes before this time; RFC 3339 or Unix seconds" maxLength:"64"`
	Actor  []string `query:"actor,explode" doc:"id or name of who made the change" maxItems:"100"`
	Action []string `query:"action,explode" doc:"an action (key.create) or all of a kind (key)" maxItems:"100"`
	Target []string `query:"target,explode" doc:"type, id or name of what was changed" maxItems:"100"`
}

// filter reads the filters. Entries that are older than the log's limit are not shown, even before they are removed.
func (c *Log) filter(in *Filters) (store.AuditFilter, error) {
	from, to, err := api.ParseRange(in.From, in.To)
	if err != nil {
		return store.AuditFilter{}, err
	}
	out := store.AuditFilter{From: from, To: to, Actors: in.Actor, Actions: in.Action, Targets: in.Target}
	if oldest := c.Now().Add(-c.MaxAge); out.From.Before(oldest) {
		out.From = oldest
	}
	return out, nil
}

func itemOf(e *store.AuditEntry) Item {
	return Item{
		ID: e.ID, Time: e.Time, Actor: Actor(e.Actor), Source: e.Source, Action: e.Action, Target: Target(e.Target),
		Before: e.Before, After: e.After,
	}
}

func (c *Log) list(ctx context.Context, in *struct {
	Filters
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Cursor string `query:"cursor" maxLength:"20"`
}) (*api.Envelope[Page], error) {
	f, err := c.filter(&in.Filters)
	if err != nil {
		return nil, err
	}
	if in.Cursor != "" {
		if f.Before, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || f.Before < 1 {
			return nil, c.Failed("audit", store.ErrCursor)
		}
	}
	f.Limit = in.Limit + 1
	page := Page{Items: []Item{}}
	err = c.Directory.Audit(ctx, f, func(e *store.AuditEntry) error {
		page.Items = append(page.Items, itemOf(e))
		return nil
	})
	if err != nil {
		return nil, c.Failed("audit", err)
	}
	if len(page.Items) > in.Limit {
		page.Items = page.Items[:in.Limit]
		page.NextCursor = strconv.FormatInt(page.Items[in.Limit-1].ID, 10)
	}
	return api.Answer(page), nil
}

func (c *Log) export(ctx context.Context, in *struct {
	Filters
	Format   string `query:"format" default:"ndjson" enum:"ndjson,csv"`
	Timezone string `query:"timezone" doc:"IANA name of the zone of the days in the file's name; by default the console's" maxLength:"64"`
}) (*huma.StreamResponse, error) {
	loc, err := c.Zone(in.Timezone)
	if err != nil {
		return nil, err
	}
	f, err := c.filter(&in.Filters)
	if err != nil {
		return nil, err
	}
	from := f.From
	if in.From == "" {
		from = time.Time{} // all that is kept
	}
	return download.File(c.Env, download.Name("audit", download.RangeName(from, f.To, c.Now(), loc), in.Format), in.Format, func(out *bufio.Writer) error {
		return c.write(ctx, out, in.Format, f)
	}), nil
}

var header = []string{
	"id", "time", "actor_id", "actor_name", "actor_via", "source_ip", "action", "target_type", "target_id", "target_name", "before", "after",
}

func (c *Log) write(ctx context.Context, w *bufio.Writer, format string, f store.AuditFilter) error {
	if format == "ndjson" {
		enc := json.NewEncoder(w)
		return c.inPieces(ctx, f, func(e *store.AuditEntry) error { return enc.Encode(itemOf(e)) })
	}
	cw := download.NewCSV(w)
	if err := cw.Write(slices.Clone(header)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	err := c.inPieces(ctx, f, func(e *store.AuditEntry) error {
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

// auditPiece is how many entries of the audit log are read at a time: each may hold some kilobytes.
const auditPiece = 200

// inPieces visits entries of the audit log, newest first, between two readings of the store: a client
// that reads an export slowly must not keep the store's log from being written back.
func (c *Log) inPieces(ctx context.Context, f store.AuditFilter, visit func(*store.AuditEntry) error) error {
	f.Limit = auditPiece
	for {
		var piece []store.AuditEntry
		err := c.Directory.Audit(ctx, f, func(e *store.AuditEntry) error {
			piece = append(piece, *e)
			return nil
		})
		if err != nil {
			return err
		}
		for i := range piece {
			if err := visit(&piece[i]); err != nil {
				return err
			}
		}
		if len(piece) < auditPiece {
			return nil
		}
		f.Before = piece[len(piece)-1].ID
	}
}
