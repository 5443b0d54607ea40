package quality

import (
	"context"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/sources"
)

// Account is an upstream account, with the quotas that its provider has reported.
type Account struct {
	Account  string        `json:"account" doc:"its display form, as filters take it"`
	Provider string        `json:"provider"`
	Source   string        `json:"source" doc:"what fetched this, as in sources of /quality"`
	Status   string        `json:"status" doc:"the provider's word, such as allowed, allowed_warning or rejected; empty where it reports none"`
	SeenAt   *time.Time    `json:"seen_at" doc:"when its quotas were last reported"`
	Windows  []QuotaWindow `json:"windows" nullable:"false" doc:"the shorter ones first"`
}

// QuotaWindow is a quota that is renewed after a time.
type QuotaWindow struct {
	Name     string       `json:"name" doc:"its length: 5h, 7d"`
	Minutes  int64        `json:"window_minutes"`
	Used     float64      `json:"used_percent" doc:"share of the quota that is used; 0 where it was renewed since it was reported"`
	ResetsAt *time.Time   `json:"resets_at" doc:"when it is renewed; null where that is not known"`
	SeenAt   time.Time    `json:"seen_at"`
	Points   []QuotaPoint `json:"points" nullable:"false" doc:"what was reported, oldest first, at most one in five minutes"`
}

// QuotaPoint is a used share at a time.
type QuotaPoint struct {
	Time time.Time `json:"time"`
	Used float64   `json:"used_percent"`
}

// Accounts are the upstream accounts of all sources.
type Accounts struct {
	Accounts []Account `json:"accounts" nullable:"false"`
}

type accountsInput struct {
	Account []string `query:"account,explode" doc:"display forms of accounts; without it all" maxItems:"100"`
	Points  int      `query:"points" default:"0" minimum:"0" maximum:"288" doc:"how many points of each window, the newest ones"`
}

func (c *Handlers) accounts(_ context.Context, in *accountsInput) (*api.Envelope[Accounts], error) {
	out := Accounts{Accounts: []Account{}}
	if c.Sources == nil {
		return api.Answer(out), nil
	}
	for _, s := range c.Sources.States() {
		for i := range s.Accounts {
			if len(in.Account) == 0 || slices.Contains(in.Account, s.Accounts[i].Name) {
				out.Accounts = append(out.Accounts, accountOf(s.Name, &s.Accounts[i], in.Points, c.Now()))
			}
		}
	}
	return api.Answer(out), nil
}

func accountOf(source string, a *sources.Account, points int, now time.Time) Account {
	out := Account{Account: a.Name, Provider: a.Provider, Source: source, Status: a.Status, SeenAt: api.OptionalTime(a.SeenAt), Windows: []QuotaWindow{}}
	for i := range a.Windows {
		w := &a.Windows[i]
		shown := QuotaWindow{
			Name: w.Name(), Minutes: int64(w.Length / time.Minute), Used: w.UsedPercent, ResetsAt: api.OptionalTime(w.ResetsAt), SeenAt: w.At, Points: []QuotaPoint{},
		}
		if !w.ResetsAt.IsZero() && !now.Before(w.ResetsAt) {
			shown.Used, shown.ResetsAt = 0, nil
		}
		for _, p := range w.Points[max(0, len(w.Points)-points):] {
			shown.Points = append(shown.Points, QuotaPoint{p.At, p.UsedPercent})
		}
		out.Windows = append(out.Windows, shown)
	}
	return out
}
