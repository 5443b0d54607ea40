package alerts

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/alerting"
	"github.com/tokenboard/tokenboard/internal/console/api"
)

// DryRun is what a rule would have done.
type DryRun struct {
	From          time.Time  `json:"from"`
	To            time.Time  `json:"to"`
	StepSeconds   int64      `json:"step_seconds" doc:"how exact the times are; 0: exact"`
	Available     bool       `json:"available" doc:"false where what the rule watches is not recorded"`
	Firings       []Firing   `json:"firings" nullable:"false" doc:"oldest first, the first thousand"`
	More          int        `json:"more" doc:"firings that were left out"`
	Notifications int        `json:"notifications" doc:"that would have been sent to each channel"`
	Unit          alert.Unit `json:"unit" doc:"of the peaks"`
}

// SchemaName is the name in the description of the API.
func (DryRun) SchemaName() string { return "AlertDryRun" }

// Firing is one time that a rule would have fired.
type Firing struct {
	Subject   string     `json:"subject"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at" doc:"null where it would fire now"`
	Peak      float64    `json:"peak" doc:"the value that was farthest beyond the limit"`
}

// SchemaName is the name in the description of the API.
func (Firing) SchemaName() string { return "AlertDryRunFiring" }

// atOnce bounds how many dry runs there are at one time: each may read many records.
type atOnce struct{ n atomic.Int32 }

const mostDryRuns = 2

func (a *atOnce) enter() bool {
	if a.n.Add(1) > mostDryRuns {
		a.n.Add(-1)
		return false
	}
	return true
}

func (a *atOnce) leave() { a.n.Add(-1) }

func (h *Handlers) dryRun(ctx context.Context, in *struct{ Body alert.Rule }) (*api.Envelope[DryRun], error) {
	if err := check(&in.Body, "body."); err != nil {
		return nil, err
	}
	if !h.dryRuns.enter() {
		return nil, api.WithReason("busy", api.RetryLater(http.StatusServiceUnavailable, "other dry runs are under way; try again in a moment", time.Second))
	}
	defer h.dryRuns.leave()
	ctx, cancel := context.WithTimeout(ctx, api.QueryTimeout)
	defer cancel()
	o := Evaluation(h.Ledger, h.Store, h.Keys, h.Budgets, h.Location)
	found, err := alerting.Rehearse(ctx, &o, &in.Body, h.Now())
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, api.TookTooLong("the dry run")
	case errors.Is(err, alerting.ErrTooManyPairs):
		return nil, api.WithReason("rule_unfit", api.Invalid("body.filter", "must be narrower: there are too many combinations of keys and values", nil))
	case err != nil:
		return nil, h.Failed("dry run of an alert rule", err)
	}
	out := DryRun{
		From: found.From, To: found.To, StepSeconds: int64(found.Step.Seconds()), Available: found.Unavailable == "", Firings: []Firing{}, More: found.More,
		Notifications: found.Notifications, Unit: in.Body.Kind.Unit(),
	}
	for _, f := range found.Firings {
		out.Firings = append(out.Firings, Firing{f.Subject, f.Start.UTC(), api.OptionalTime(f.End.UTC()), f.Peak})
	}
	return api.Answer(out), nil
}
