package store

import (
	"context"
	"errors"
	"time"
)

// SavedView is a page of the console with what it shows, under a name.
type SavedView struct {
	ID        string
	Owner     string // id of the user whose it is; "" where nobody signs in
	Name      string // unique for an owner, compared without regard to case
	Shared    bool   // others see it too
	Page      string // name of the page
	Query     string // the query of the page's address
	CreatedAt time.Time
	// Version changes with every change of the view; see Views.UpdateView.
	Version int64
}

// Errors about views that callers distinguish.
var (
	ErrViewExists   = errors.New("a view of this name exists already")
	ErrViewUnknown  = errors.New("no view has this id")
	ErrTooManyViews = errors.New("there are as many views as are allowed")
)

// Views is the storage of views.
type Views interface {
	// Views lists the views of an owner and those that others share, by name.
	Views(ctx context.Context, owner string) ([]SavedView, error)
	// AddView stores a new view. It returns ErrTooManyViews where its owner had limit already, or ErrViewExists.
	AddView(ctx context.Context, limit int, v SavedView, e AuditEntry) error
	// UpdateView replaces name, sharing, page and query of v.ID where that is of v.Version. It returns ErrChanged where it
	// is not, ErrViewUnknown, or ErrViewExists where another one of its owner has the name.
	UpdateView(ctx context.Context, v SavedView, e AuditEntry) error
	// DeleteView removes a view where it is of the version. It returns ErrChanged where it is not, or ErrViewUnknown.
	DeleteView(ctx context.Context, id string, version int64, e AuditEntry) error
}
