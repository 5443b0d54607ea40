package bills

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/billing"
	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func (c *Handlers) creditRoutes(r *api.Router) {
	create := api.Operation(http.MethodPost, "/bills/credits", "create-credit", "Credit an amount to a bill")
	create.DefaultStatus = http.StatusCreated
	api.Register(r, access.ManageBilling, create, c.createCredit)
	api.Register(r, access.ManageBilling, api.Operation(http.MethodPut, "/bills/credits/{id}", "change-credit", "Change a credit"), c.changeCredit)
	api.Register(r, access.ManageBilling, api.Operation(http.MethodDelete, "/bills/credits/{id}", "delete-credit", "Delete a credit"), c.deleteCredit)
}

// CreditSettings are what a credit is.
type CreditSettings struct {
	By     string    `json:"by" enum:"team,user,key,project,service"`
	Holder string    `json:"holder" maxLength:"300" doc:"id or name of a team or key of this console, or the name of a user, project or service; empty: calls that name none"`
	Month  string    `json:"month" maxLength:"7" doc:"such as 2026-01"`
	Amount api.Money `json:"amount_usd" doc:"more than 0"`
	Reason string    `json:"reason" maxLength:"300" doc:"it is on the bill"`
}

// shown is a credit as answers have it.
func shown(s *billing.StoredCredit) Credit {
	return Credit{s.ID, s.Version, s.By, s.Holder, s.Month, api.Money(s.Amount()), s.Reason, s.Actor, s.At}
}

// creditOf checks settings, and finds the holder.
func (c *Handlers) creditOf(ctx context.Context, in *CreditSettings) (billing.Credit, error) {
	out := billing.Credit{By: in.By, Month: in.Month, Nano: int64(in.Amount), Reason: in.Reason, Actor: access.From(ctx).Name}
	var err error
	if out.Reason, err = api.CleanText("reason", in.Reason, billing.MaxReason); err != nil {
		return out, err
	}
	if out.Holder, err = c.holder(ctx, in.By, in.Holder); err != nil {
		return out, err
	}
	return out, unfit(out.Check())
}

// holder returns how bills name a holder, and an error where there is no such key or team.
func (c *Handlers) holder(ctx context.Context, by, name string) (string, error) {
	unknown := api.WithReason("holder_unknown", api.Invalid("body.holder", "names no "+by+" of this console", nil))
	if name == "" {
		return "", nil
	}
	index, err := c.Stats.Keys.Index(ctx)
	if err != nil {
		return "", c.Failed("credits", err)
	}
	switch by {
	case "key":
		if _, external := index.External(name); external || index.Ring.ID(name) != nil {
			return name, nil
		}
		named := index.Ring.Named(name)
		if len(named) != 1 {
			return "", unknown
		}
		return named[0].ID, nil
	case "team":
		teams, err := c.Stats.Teams(ctx, index)
		if err != nil {
			return "", err
		}
		t := budget.TeamNamed(teams, name)
		if t == nil {
			return "", unknown
		}
		return t.ID, nil
	}
	return api.CleanText("holder", name, billing.MaxHolder)
}

// unfit answers a credit that cannot be, by the field that is wrong.
func unfit(err error) error {
	var wrong *billing.Unfit
	if errors.As(err, &wrong) {
		return api.WithReason("credit_unfit", api.Invalid("body."+wrong.Field, wrong.Message, nil))
	}
	return err
}

// failed turns an error of the directory into an answer.
func (c *Handlers) failed(what string, err error) error {
	var answered *api.Problem
	switch {
	case errors.As(err, &answered):
		return err
	case errors.Is(err, store.ErrDocumentUnknown):
		return api.WithReason("billing_unknown", api.NewProblem(http.StatusNotFound, "there is none of this id"))
	case errors.Is(err, store.ErrChanged), errors.Is(err, store.ErrDocumentExists):
		return api.WithReason("changed_meanwhile", api.NewProblem(http.StatusConflict, "it was changed meanwhile; read it again"))
	case errors.Is(err, store.ErrTooManyDocuments):
		return api.WithReason("billing_full", api.NewProblem(http.StatusConflict, "there are 10,000 credits and terms already, which is the maximum; delete some"), billing.MaxDocuments)
	}
	return c.Failed(what, err)
}

// auditedCredit is the form of a credit in the audit log.
type auditedCredit struct {
	By     string    `json:"by"`
	Holder string    `json:"holder"`
	Month  string    `json:"month"`
	Amount api.Money `json:"amount_usd"`
	Reason string    `json:"reason"`
}

func audited(c *billing.Credit) any {
	return auditedCredit{c.By, c.Holder, c.Month, api.Money(c.Amount()), c.Reason}
}

func target(id string, c *billing.Credit) store.AuditTarget {
	return store.AuditTarget{Type: "credit", ID: id, Name: c.Month}
}

// putCredit stores a credit; version as in store.DocumentChange.
func (c *Handlers) putCredit(ctx context.Context, id string, version int64, was, now *billing.Credit) (*api.Envelope[Credit], error) {
	body, err := json.Marshal(now)
	if err != nil {
		return nil, c.Failed("store a credit", err)
	}
	action, before := "credit.create", any(nil)
	if was != nil {
		action, before = "credit.change", audited(was)
	}
	entry, err := c.Audit.Entry(ctx, action, target(id, now), before, audited(now))
	if err != nil {
		return nil, err
	}
	at := c.Now().UTC()
	change := store.DocumentChange{Limit: billing.MaxDocuments, Put: []store.Document{{ID: id, Body: body, Version: version, CreatedAt: at, UpdatedAt: at}}}
	if _, err := c.Directory.ChangeDocuments(ctx, store.DocumentBilling, change, entry); err != nil {
		return nil, c.failed("store a credit", err)
	}
	stored, err := c.credit(ctx, id, 0)
	if err != nil {
		return nil, c.failed("store a credit", err)
	}
	return api.Answer(shown(&stored)), nil
}

// credit returns a stored credit; version 0 is any.
func (c *Handlers) credit(ctx context.Context, id string, version int64) (billing.StoredCredit, error) {
	state, err := c.Billing.State(ctx)
	if err != nil {
		return billing.StoredCredit{}, err //nolint:wrapcheck // it says what was read
	}
	i := slices.IndexFunc(state.Credits, func(s billing.StoredCredit) bool { return s.ID == id })
	switch {
	case i < 0:
		return billing.StoredCredit{}, store.ErrDocumentUnknown
	case version != 0 && version != state.Credits[i].Version:
		return billing.StoredCredit{}, store.ErrChanged
	}
	return state.Credits[i], nil
}

func (c *Handlers) createCredit(ctx context.Context, in *struct{ Body CreditSettings }) (*api.Envelope[Credit], error) {
	credit, err := c.creditOf(ctx, &in.Body)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails, see crypto/rand
	return c.putCredit(ctx, billing.CreditPrefix+hex.EncodeToString(id), 0, nil, &credit)
}

type changeCreditInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		CreditSettings
		Version int64 `json:"version,omitempty" doc:"of the credit that is changed; where it has changed since, the answer is 409. 0: whichever it is"`
	}
}

func (c *Handlers) changeCredit(ctx context.Context, in *changeCreditInput) (*api.Envelope[Credit], error) {
	was, err := c.credit(ctx, in.ID, in.Body.Version)
	if err != nil {
		return nil, c.failed("change a credit", err)
	}
	now, err := c.creditOf(ctx, &in.Body.CreditSettings)
	if err != nil {
		return nil, err
	}
	return c.putCredit(ctx, was.ID, was.Version, &was.Credit, &now)
}

// Removed names what was deleted.
type Removed struct {
	ID string `json:"id"`
}

// SchemaName is the name in the description of the API.
func (Removed) SchemaName() string { return "RemovedBilling" }

type removeInput struct {
	ID      string `path:"id" maxLength:"64"`
	Version int64  `query:"version" doc:"of what is deleted; where it has changed since, the answer is 409. 0: whichever it is"`
}

func (c *Handlers) deleteCredit(ctx context.Context, in *removeInput) (*api.Envelope[Removed], error) {
	was, err := c.credit(ctx, in.ID, in.Version)
	if err != nil {
		return nil, c.failed("delete a credit", err)
	}
	entry, err := c.Audit.Entry(ctx, "credit.delete", target(was.ID, &was.Credit), audited(&was.Credit), nil)
	if err != nil {
		return nil, err
	}
	return c.remove(ctx, was.ID, was.Version, entry)
}

func (c *Handlers) remove(ctx context.Context, id string, version int64, entry store.AuditEntry) (*api.Envelope[Removed], error) {
	change := store.DocumentChange{Remove: []store.Document{{ID: id, Version: version}}}
	if _, err := c.Directory.ChangeDocuments(ctx, store.DocumentBilling, change, entry); err != nil {
		return nil, c.failed("delete "+id, err)
	}
	return api.Answer(Removed{id}), nil
}

// usd is an amount as text.
func usd(m api.Money) string { return usage.NanoUSD(m).String() }
