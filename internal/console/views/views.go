// Package views keeps pages of the console with what they show, under names: private ones, and ones that all see.
package views

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	maxViews = 200 // of one owner
	maxQuery = 4096
)

// Handlers answer the routes of views.
type Handlers struct {
	*api.Env
	Store store.Views
	Audit *audit.Log
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/views", "views", "Saved views: one's own and shared ones, by name"), c.list)
	create := api.Operation(http.MethodPost, "/views", "create-view", "Save a view")
	create.DefaultStatus = http.StatusCreated
	api.Register(r, access.ReadUsage, create, c.create)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodPatch, "/views/{id}", "change-view", "Change a view of one's own"), c.change)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodDelete, "/views/{id}", "delete-view", "Delete a view of one's own; admins also delete shared ones"), c.remove)
}

// View is a page of the console with what it shows.
type View struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Shared    bool      `json:"shared" doc:"others see it too"`
	Own       bool      `json:"own" doc:"it is the caller's, who can change it"`
	Page      string    `json:"page" doc:"name of the page"`
	Query     string    `json:"query" doc:"the query of the page's address: filters, range, measure and the rest"`
	CreatedAt time.Time `json:"created_at"`
	Version   int64     `json:"version" doc:"changes with every change of the view"`
}

// ViewSettings are the settings of a view. In a change those that are left out stay.
type ViewSettings struct {
	Name   *string `json:"name,omitempty" maxLength:"100" doc:"unique among one's own, whatever the case"`
	Shared *bool   `json:"shared,omitempty" doc:"others see it too"`
	Page   *string `json:"page,omitempty" enum:"dashboard,logs,explore,errors,quality"`
	Query  *string `json:"query,omitempty" maxLength:"4096" doc:"the query of the page's address, without the question mark"`
}

// Path names a view.
type Path struct {
	ID string `path:"id" maxLength:"64"`
}

func (c *Handlers) list(ctx context.Context, _ *struct{}) (*api.Envelope[[]View], error) {
	owner := access.From(ctx).ID
	stored, err := c.Store.Views(ctx, owner)
	if err != nil {
		return nil, c.Failed("views", err)
	}
	out := make([]View, len(stored))
	for i := range stored {
		out[i] = shown(&stored[i], owner)
	}
	return api.Answer(out), nil
}

func shown(v *store.SavedView, owner string) View {
	return View{ID: v.ID, Name: v.Name, Shared: v.Shared, Own: v.Owner == owner, Page: v.Page, Query: v.Query, CreatedAt: v.CreatedAt, Version: v.Version}
}

// apply checks settings, and sets them.
func apply(s *ViewSettings, v *store.SavedView) error {
	if s.Name != nil {
		name, err := api.CleanText("name", *s.Name, 100)
		if err != nil {
			return err
		}
		if name = strings.TrimSpace(name); name == "" {
			return api.WithReason("name_empty", api.Invalid("body.name", "must not be empty", nil))
		}
		v.Name = name
	}
	if s.Shared != nil {
		v.Shared = *s.Shared
	}
	if s.Page != nil {
		v.Page = *s.Page
	}
	if s.Query != nil {
		values, err := url.ParseQuery(*s.Query)
		if err != nil || len(*s.Query) > maxQuery {
			return api.WithReason("view_query_unfit", api.Invalid("body.query", "is not the query of an address", nil))
		}
		v.Query = values.Encode() // nothing else than names and values
	}
	return nil
}

func (c *Handlers) create(ctx context.Context, in *struct{ Body ViewSettings }) (*api.Envelope[View], error) {
	owner := access.From(ctx).ID
	v := store.SavedView{ID: newID(), Owner: owner, CreatedAt: c.Now().UTC(), Version: 1}
	if in.Body.Name == nil || in.Body.Page == nil {
		return nil, api.WithReason("name_empty", api.Invalid("body.name", "must be there, and page too", nil))
	}
	if err := apply(&in.Body, &v); err != nil {
		return nil, err
	}
	entry, err := c.Audit.Entry(ctx, "view.create", target(&v), nil, audited(&v))
	if err != nil {
		return nil, err
	}
	if err := c.Store.AddView(ctx, maxViews, v, entry); err != nil {
		return nil, c.failed("save a view", err)
	}
	return api.Answer(shown(&v, owner)), nil
}

// newID returns a random id.
func newID() string {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails, see crypto/rand
	return "view_" + hex.EncodeToString(id)
}

// stored returns a view in the version that a request names, 0 being any, if the caller may do what it asks for.
func (c *Handlers) stored(ctx context.Context, id string, version int64, allowed func(*store.SavedView, access.Principal) bool) (store.SavedView, error) {
	who := access.From(ctx)
	all, err := c.Store.Views(ctx, who.ID)
	if err != nil {
		return store.SavedView{}, err
	}
	i := slices.IndexFunc(all, func(v store.SavedView) bool { return v.ID == id })
	switch {
	case i < 0:
		return store.SavedView{}, store.ErrViewUnknown
	case !allowed(&all[i], who):
		return store.SavedView{}, api.WithReason("view_of_another", api.NewProblem(http.StatusForbidden, "the view is another user's; save a copy of it"))
	case version != 0 && version != all[i].Version:
		return store.SavedView{}, store.ErrChanged
	}
	return all[i], nil
}

type changeViewInput struct {
	Path
	Body struct {
		ViewSettings
		Version int64 `json:"version,omitempty" doc:"of the view that the change is made to; where it has changed since, the answer is 409. 0: whichever it is"`
	}
}

func (c *Handlers) change(ctx context.Context, in *changeViewInput) (*api.Envelope[View], error) {
	c.Audit.Prune(ctx)
	v, err := c.stored(ctx, in.ID, in.Body.Version, func(v *store.SavedView, who access.Principal) bool { return v.Owner == who.ID })
	if err != nil {
		return nil, c.failed("change a view", err)
	}
	before := audited(&v)
	if err := apply(&in.Body.ViewSettings, &v); err != nil {
		return nil, err
	}
	entry, err := c.Audit.EntryInChange(ctx, "view.change", target(&v), before, audited(&v))
	if err != nil {
		return nil, err
	}
	if err := c.Store.UpdateView(ctx, v, entry); err != nil {
		return nil, c.failed("change a view", err)
	}
	v.Version++
	return api.Answer(shown(&v, v.Owner)), nil
}

// RemovedView names a view that was deleted.
type RemovedView struct {
	ID string `json:"id"`
}

type removeViewInput struct {
	Path
	Version int64 `query:"version" doc:"of the view that is meant; where it has changed since, the answer is 409. 0: whichever it is"`
}

func (c *Handlers) remove(ctx context.Context, in *removeViewInput) (*api.Envelope[RemovedView], error) {
	c.Audit.Prune(ctx)
	v, err := c.stored(ctx, in.ID, in.Version, func(v *store.SavedView, who access.Principal) bool {
		return v.Owner == who.ID || who.Role == access.Admin
	})
	if err != nil {
		return nil, c.failed("delete a view", err)
	}
	entry, err := c.Audit.EntryInChange(ctx, "view.delete", target(&v), audited(&v), nil)
	if err != nil {
		return nil, err
	}
	if err := c.Store.DeleteView(ctx, v.ID, v.Version, entry); err != nil {
		return nil, c.failed("delete a view", err)
	}
	return api.Answer(RemovedView{v.ID}), nil
}

// failed returns the answer to an error of the store.
func (c *Handlers) failed(what string, err error) error {
	var said *api.Problem
	switch {
	case errors.As(err, &said):
		return err
	case errors.Is(err, store.ErrViewUnknown):
		return api.WithReason("view_unknown", api.NewProblem(http.StatusNotFound, "no view that you see has this id; "+api.Base+"/views lists them"))
	case errors.Is(err, store.ErrViewExists):
		return api.WithReason("view_name_taken", api.NewProblem(http.StatusConflict, "you have a view of this name already; choose another name"))
	case errors.Is(err, store.ErrTooManyViews):
		return api.WithReason("views_full", api.NewProblem(http.StatusConflict, "you have 200 views, which is the maximum; delete some"), maxViews)
	case errors.Is(err, store.ErrChanged):
		return api.WithReason("changed_meanwhile", api.NewProblem(http.StatusConflict, "the view was changed meanwhile; read it again"))
	}
	return c.Failed(what, err)
}

// auditView is the form of a view in the audit log.
type auditView struct {
	Name   string `json:"name"`
	Shared bool   `json:"shared"`
	Page   string `json:"page"`
	Query  string `json:"query,omitempty"`
}

// auditQuery is how much of a query an entry has.
const auditQuery = 1000

func audited(v *store.SavedView) auditView {
	return auditView{v.Name, v.Shared, v.Page, v.Query[:min(len(v.Query), auditQuery)]}
}

func target(v *store.SavedView) store.AuditTarget {
	return store.AuditTarget{Type: "view", ID: v.ID, Name: v.Name}
}
