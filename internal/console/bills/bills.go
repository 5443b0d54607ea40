// Package bills answers what holders (teams, users, keys, projects, services) owe for a month: the costs of the ledger,
// what is charged for them, and credits. What people set about it is in package billing.
package bills

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/billing"
	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Handlers answer the routes of bills.
type Handlers struct {
	*api.Env
	Stats   *stats.Handlers
	Billing *billing.Keeper
	// Directory stores what is set.
	Directory store.Documents
	Audit     *audit.Log
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	list := api.Operation(http.MethodGet, "/bills", "bills", "Bills of a month, by team, user, key, project or service")
	list.Description = "Costs are those of /stats for the same month and filter, to the nano-dollar. charged_usd is what the terms of the month (GET /bills/terms) make of them, " +
		"line by line; due_usd is that less the credits. Members get bills of their own keys' calls only."
	api.Register(r, access.ReadUsage, list, c.list)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/bills/export", "export-bills", "All bills of a month as a file, streamed"), c.export)
	c.termRoutes(r)
	c.creditRoutes(r)
}

// Order says which bills are asked for.
type Order struct {
	Month    string   `query:"month" maxLength:"7" doc:"such as 2026-01; without it the month before the present one"`
	By       string   `query:"by" required:"true" enum:"team,user,key,project,service"`
	Holder   []string `query:"holder,explode" maxItems:"100" doc:"bills of these alone: the id of a team or key, or the name of a user, project or service; empty: the calls that name none"`
	Timezone string   `query:"timezone" maxLength:"64" doc:"IANA name of the zone in which the month begins; by default the console's"`
}

// mostHolders is how many holders can be named, as Order says.
const mostHolders = 100

// Resolve reads holders also where the only one is empty, which is no value for the router.
func (o *Order) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	values := u.Query()["holder"]
	if len(o.Holder) == 0 && len(values) > mostHolders {
		return []error{&huma.ErrorDetail{Location: "query.holder", Message: "expected array length <= " + strconv.Itoa(mostHolders)}}
	}
	if len(o.Holder) == 0 {
		o.Holder = values
	}
	return nil
}

// Sums are what a bill, or a line of it, has used and what that is charged.
type Sums struct {
	stats.Sums
	Charged   api.Money `json:"charged_usd" doc:"by the terms of the month: the cost times a factor, or prices of tokens. At least that where uncharged_count is not 0"`
	Uncharged int64     `json:"uncharged_count" doc:"calls that are not charged because their cost is not known"`
}

// Line is the calls of a model.
type Line struct {
	Provider string   `json:"provider"`
	Model    string   `json:"model"`
	Factor   *float64 `json:"factor" doc:"on the cost; null: charged by prices of tokens"`
	Sums
}

// SchemaName is the name in the description of the API.
func (Line) SchemaName() string { return "BillLine" }

// Due is what is left to pay.
type Due struct {
	Credited  api.Money          `json:"credit_usd" doc:"sum of the credits"`
	Due       api.Money          `json:"due_usd" doc:"charged_usd - credit_usd; negative where the credits are more"`
	AtLeast   bool               `json:"at_least" doc:"calls without a known cost are not charged: it is at least that"`
	Converted *billing.Converted `json:"converted" doc:"due_usd in the currency that is shown, by the rate of the month's last day, or of today; null: none is set"`
}

// Bill is what a holder owes for a month.
type Bill struct {
	Holder string `json:"holder" doc:"id of a team or key, or the name; empty: calls that name none"`
	Name   string `json:"name" doc:"what people read"`
	Sums
	Due
	Lines   []Line   `json:"lines" nullable:"false" doc:"with lines only: by model, largest charge first"`
	Credits []Credit `json:"credits" nullable:"false"`
}

// Credit is an amount that is not charged.
type Credit struct {
	ID      string    `json:"id"`
	Version int64     `json:"version" doc:"changes with every change of the credit"`
	By      string    `json:"by" enum:"team,user,key,project,service"`
	Holder  string    `json:"holder"`
	Month   string    `json:"month"`
	Amount  api.Money `json:"amount_usd"`
	Reason  string    `json:"reason"`
	Actor   string    `json:"given_by"`
	At      time.Time `json:"created_at"`
}

// SchemaName is the name in the description of the API.
func (Credit) SchemaName() string { return "BillCredit" }

// Total is the sum of all bills.
type Total struct {
	Sums
	Due
}

// SchemaName is the name in the description of the API.
func (Total) SchemaName() string { return "BillTotal" }

// Head says what bills are about.
type Head struct {
	Month      string        `json:"month"`
	By         string        `json:"by"`
	Timezone   string        `json:"timezone"`
	From       time.Time     `json:"from"`
	To         time.Time     `json:"to" doc:"the first moment that is not in it"`
	Unfinished bool          `json:"unfinished" doc:"the month is not over"`
	OwnOnly    bool          `json:"own_only" doc:"calls of the caller's own keys only"`
	Terms      billing.Terms `json:"terms" doc:"what the charges are made by"`
}

// Bills are the bills of a month.
type Bills struct {
	Head
	Bills []Bill `json:"bills" nullable:"false" doc:"largest due first"`
	Count int    `json:"bill_count" doc:"on all pages"`
	Total Total  `json:"total" doc:"of all bills, those of other pages included. Calls, tokens and costs count each call once; by team, where a call can be on several bills, the charges are those of all of these"`
	Next  string `json:"next_cursor" doc:"cursor of the next page; empty at the end"`
}

type listInput struct {
	Order
	Lines  bool   `query:"lines" doc:"with the lines of each bill"`
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Cursor string `query:"cursor" maxLength:"2000" doc:"next_cursor of the page before"`
}

func (c *Handlers) list(ctx context.Context, in *listInput) (*api.Envelope[Bills], error) {
	out, err := c.bills(ctx, &in.Order)
	if err != nil {
		return nil, err
	}
	page := api.ListPage{Limit: in.Limit, Cursor: in.Cursor}
	var more bool
	var last string
	if out.Bills, more, last, err = api.PageOf(out.Bills, page, func(b *Bill) string { return base64.RawURLEncoding.EncodeToString([]byte("h" + b.Holder)) }); err != nil {
		return nil, c.Failed("bills", err)
	}
	if more {
		out.Next = last
	}
	if !in.Lines {
		for i := range out.Bills {
			out.Bills[i].Lines = []Line{}
		}
	}
	return api.Answer(out), nil
}

// headOf reads which month is meant, and the day whose rate holds for it.
func (c *Handlers) headOf(in *Order) (head Head, day time.Time, err error) {
	loc, err := c.Zone(in.Timezone)
	if err != nil {
		return head, day, err
	}
	now := c.Now().In(loc)
	from := calendar.Month(now, -1)
	if in.Month != "" {
		at, ok := billing.ParseMonth(in.Month, loc)
		if !ok {
			return head, day, api.WithReason("month_unfit", api.Invalid("query.month", "must be a month, such as 2026-01", in.Month))
		}
		from = calendar.Month(at.AddDate(0, 0, 1), 0) // where a change of the clock skips its first midnight it begins later
	}
	head = Head{Month: from.Format(billing.MonthForm), By: in.By, Timezone: loc.String(), From: from, To: calendar.Month(from.AddDate(0, 0, 1), 1)}
	head.Unfinished = now.Before(head.To)
	day = head.To.Add(-1)
	if now.Before(day) {
		day = now
	}
	return head, day, nil
}

// filtersOf returns the filters of what is billed.
func filtersOf(in *Order, head *Head) *filter.Filters {
	f := &filter.Filters{From: head.From.Format(time.RFC3339), To: head.To.Format(time.RFC3339)}
	switch in.By {
	case "team":
		if !slices.Contains(in.Holder, "") { // calls that no team has are found among all
			f.Team = in.Holder
		}
	case "user":
		f.User = in.Holder
	case "key":
		f.Key = in.Holder
	case "project":
		f.Project = in.Holder
	case "service":
		f.Service = in.Holder
	}
	return f
}

// bills works out all bills, with their lines.
func (c *Handlers) bills(ctx context.Context, in *Order) (Bills, error) {
	head, day, err := c.headOf(in)
	if err != nil {
		return Bills{}, err
	}
	state, err := c.Billing.State(ctx)
	if err != nil {
		return Bills{}, c.Failed("bills", err)
	}
	head.OwnOnly = access.From(ctx).OwnOnly()
	head.Terms = state.For(head.Month)
	if head.Terms.Rules == nil || head.OwnOnly { // prices of models that one does not use are not one's own
		head.Terms.Rules = []billing.Rule{}
	}
	credits, err := c.creditsOf(ctx, &state, &head)
	if err != nil {
		return Bills{}, err
	}
	wanted := func(id string) bool { return len(in.Holder) == 0 || slices.Contains(in.Holder, id) }
	var also []string
	for id := range credits {
		if wanted(id) {
			also = append(also, id)
		}
	}
	terms := state.For(head.Month)
	holders, err := c.Stats.Holders(ctx, filtersOf(in, &head), in.By, also)
	if err != nil {
		return Bills{}, err
	}
	out := Bills{Head: head, Bills: make([]Bill, 0, len(holders.All))}
	out.Total.Sums.Sums = stats.SumsOf(&holders.Total)
	for i := range holders.All {
		h := &holders.All[i]
		if in.By == "team" && !wanted(h.ID) { // a call of the team that is meant can be one of others too
			continue
		}
		b := billOf(h, &terms, credits[h.ID])
		b.Converted = state.Currency.Convert(usage.NanoUSD(b.Due.Due), day)
		out.Bills = append(out.Bills, b)
		t := &out.Total
		t.Charged, t.Credited, t.Due.Due = plus(t.Charged, b.Charged), plus(t.Credited, b.Credited), plus(t.Due.Due, b.Due.Due)
		t.Uncharged, t.AtLeast = usage.AddSat(t.Uncharged, b.Uncharged), t.AtLeast || b.AtLeast
	}
	out.Total.Converted = state.Currency.Convert(usage.NanoUSD(out.Total.Due.Due), day)
	out.Count = len(out.Bills)
	slices.SortFunc(out.Bills, func(a, b Bill) int {
		return cmp.Or(cmp.Compare(b.Due.Due, a.Due.Due), cmp.Compare(b.Total, a.Total), strings.Compare(a.Name, b.Name), strings.Compare(a.Holder, b.Holder))
	})
	return out, nil
}

func plus(a, b api.Money) api.Money { return api.Money(usage.AddSat(int64(a), int64(b))) }

// billOf makes the bill of a holder.
func billOf(h *stats.Holder, terms *billing.Terms, credits []Credit) Bill {
	b := Bill{Holder: h.ID, Name: h.Name, Lines: make([]Line, 0, len(h.Models)), Credits: credits}
	if b.Credits == nil {
		b.Credits = []Credit{}
	}
	var all usage.Counts
	for i := range h.Models {
		m := &h.Models[i]
		all.Merge(&m.Counts)
		charge := terms.Charge(m.Provider, m.Model, &m.Counts)
		l := Line{Provider: m.Provider, Model: m.Model, Factor: charge.Factor, Sums: Sums{stats.SumsOf(&m.Sums), api.Money(charge.Amount), charge.Unknown}}
		b.Charged, b.Uncharged = plus(b.Charged, l.Charged), usage.AddSat(b.Uncharged, l.Uncharged)
		b.Lines = append(b.Lines, l)
	}
	b.Sums.Sums = stats.SumsOfCounts(&all)
	for i := range credits {
		b.Credited = plus(b.Credited, credits[i].Amount)
	}
	b.Due.Due, b.AtLeast = api.Money(usage.SubSat(int64(b.Charged), int64(b.Credited))), b.Uncharged > 0
	slices.SortFunc(b.Lines, func(x, y Line) int {
		return cmp.Or(cmp.Compare(y.Charged, x.Charged), cmp.Compare(y.Total, x.Total), strings.Compare(x.Provider, y.Provider), strings.Compare(x.Model, y.Model))
	})
	return b
}

// creditsOf returns the credits of a month that the caller may see, by holder. Of a member these are those of own keys.
func (c *Handlers) creditsOf(ctx context.Context, state *billing.State, head *Head) (map[string][]Credit, error) {
	index, err := c.Stats.Keys.Index(ctx)
	if err != nil {
		return nil, c.Failed("credits", err)
	}
	own := map[string]bool{}
	for _, k := range index.Owned(access.From(ctx)) {
		own[k.ID] = true
	}
	out := map[string][]Credit{}
	for i := range state.Credits {
		s := &state.Credits[i]
		if s.By == head.By && s.Month == head.Month && (!head.OwnOnly || s.By == "key" && own[s.Holder]) {
			out[s.Holder] = append(out[s.Holder], shown(s))
		}
	}
	return out, nil
}
