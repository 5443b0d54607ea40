package prices

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	jobID = "reprice"
	// jobNoted is the time between two notes of how far a job is; jobLost is how long after the last one it is taken for ended
	// with its process.
	jobNoted = time.Second
	jobLost  = 20 * time.Second
)

// The states of a job.
const (
	jobRunning     = "running"
	jobDone        = "done"
	jobFailed      = "failed"
	jobStopped     = "stopped"
	jobInterrupted = "interrupted"
)

// jobs is the repricing that this process runs; there is one at most.
type jobs struct {
	mu     sync.Mutex
	closed bool
	stop   context.CancelFunc // of the running one; nil: none
	id     string
	wg     sync.WaitGroup
}

func (c *Handlers) jobRoutes(r *api.Router) {
	begin := api.Operation(http.MethodPost, "/prices/reprice", "begin-reprice", "Begin to reprice stored calls")
	begin.Description = "It runs on in the server, whether or not the page stays open; GET /prices/reprice says how far it is. Where a server ends meanwhile the ledger is consistent, " +
		"and the same request does the rest. POST /reprice does the same and answers when it is done."
	begin.DefaultStatus = http.StatusAccepted
	api.Register(r, access.Reprice, begin, c.beginJob)
	api.Register(r, access.ReadQuality, api.Operation(http.MethodGet, "/prices/reprice", "reprice-job", "The last repricing, and how far it is"), c.getJob)
	api.Register(r, access.Reprice, api.Operation(http.MethodDelete, "/prices/reprice", "stop-reprice", "Stop the repricing that runs"), c.stopJob)
}

// JobOrder says which stored calls are repriced.
type JobOrder struct {
	From      string   `json:"from,omitempty" maxLength:"64" doc:"calls that started at this time or later; RFC 3339 or Unix seconds; empty: all"`
	To        string   `json:"to,omitempty" maxLength:"64" doc:"calls that started before this time; empty: up to now"`
	Models    []string `json:"models,omitempty" maxItems:"1000" doc:"models that answered; none: all"`
	Providers []string `json:"providers,omitempty" maxItems:"100"`
	Price     string   `json:"price_id,omitempty" maxLength:"64" doc:"only calls that this stored price is for"`
}

// Job is the last repricing.
type Job struct {
	ID       string         `json:"id"`
	State    string         `json:"state" enum:"running,done,failed,stopped,interrupted" doc:"interrupted: its server ended; the same order does the rest"`
	Order    JobOrder       `json:"order"`
	By       string         `json:"by"`
	Started  time.Time      `json:"started_at"`
	Updated  time.Time      `json:"updated_at"`
	Records  int64          `json:"records" doc:"stored records that were looked at"`
	Expected int64          `json:"expected_records" doc:"about how many there are"`
	Written  int64          `json:"records_written"`
	Reached  *time.Time     `json:"reached" doc:"start of the oldest call that was looked at; it goes from the newest to the oldest"`
	Problem  string         `json:"problem,omitempty"`
	Report   *RepriceReport `json:"report" doc:"what changed; null while it runs"`
}

// JobState is the answer about the last repricing.
type JobState struct {
	Job *Job `json:"job" doc:"null: there was none yet"`
}

// stored reads the last job.
func (c *Handlers) stored(ctx context.Context) (*Job, error) {
	list, _, err := c.Directory.Documents(ctx, store.DocumentJob, -1)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if d.ID != jobID {
			continue
		}
		var j Job
		if err := json.Unmarshal(d.Body, &j); err != nil {
			return nil, err
		}
		if j.State == jobRunning && c.Now().Sub(j.Updated) > jobLost {
			j.State = jobInterrupted
		}
		return &j, nil
	}
	return nil, nil //nolint:nilnil // there was none yet
}

func (c *Handlers) note(ctx context.Context, j *Job) error {
	j.Updated = c.Now().UTC()
	body, err := json.Marshal(j)
	if err != nil {
		return err
	}
	_, err = c.Directory.ChangeDocuments(ctx, store.DocumentJob, store.DocumentChange{Put: []store.Document{
		{ID: jobID, Body: body, Version: store.AnyVersion, CreatedAt: j.Started, UpdatedAt: j.Updated},
	}})
	return err
}

func (c *Handlers) getJob(ctx context.Context, _ *struct{}) (*api.Envelope[JobState], error) {
	j, err := c.stored(ctx)
	if err != nil {
		return nil, c.Failed("read the repricing", err)
	}
	return api.Answer(JobState{j}), nil
}

func running() error {
	return api.WithReason("reprice_running", api.NewProblem(http.StatusConflict, ledger.ErrRepricing.Error()))
}

// request reads an order.
func (c *Handlers) request(ctx context.Context, o *JobOrder) (q ledger.RepriceRequest, err error) {
	q = ledger.RepriceRequest{Models: o.Models, Providers: o.Providers}
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"from", o.From, &q.From}, {"to", o.To, &q.To}} {
		if t.text == "" {
			continue
		}
		at, err := api.ParseTime(t.text)
		if err != nil {
			return q, api.WithReason("time_unreadable", api.Invalid("body."+t.name, err.Error(), t.text))
		}
		*t.into = at
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, api.WithReason("range_empty", api.Invalid("body.to", "must be later than from", o.To))
	}
	if err := c.Keeper.Refresh(ctx); err != nil {
		return q, c.Failed("reprice", err)
	}
	if o.Price == "" {
		return q, nil
	}
	if find(c.Keeper.State().Set, o.Price) == nil {
		return q, c.failed("reprice", store.ErrDocumentUnknown)
	}
	if book, ok := c.Ledger.Prices().(*pricing.Book); ok {
		q.Only = func(call *usage.Call) bool { return book.OwnID(call) == o.Price }
	}
	return q, nil
}

func (c *Handlers) beginJob(ctx context.Context, in *struct{ Body JobOrder }) (*api.Envelope[JobState], error) {
	q, err := c.request(ctx, &in.Body)
	if err != nil {
		return nil, err
	}
	if role := c.Ledger.Role(); role.Shared && !role.Leading {
		return nil, c.Failed("reprice", ledger.ErrFollower)
	}
	last, err := c.stored(ctx)
	if err != nil {
		return nil, c.Failed("reprice", err)
	}
	if last != nil && last.State == jobRunning {
		return nil, running()
	}
	sums, err := c.Ledger.Query(ctx, ledger.Query{Filter: store.Filter{From: q.From, To: q.To, Models: q.Models, Providers: q.Providers}, CountsOnly: true})
	if err != nil {
		return nil, c.Failed("reprice", err)
	}
	j := &Job{ID: rand.Text(), State: jobRunning, Order: in.Body, By: access.From(ctx).Name, Started: c.Now().UTC()}
	if len(sums.Groups) > 0 {
		j.Expected = sums.Groups[0].Points[0].Calls
	}
	if err := c.Audit.Note(ctx, "calls.reprice", store.AuditTarget{Type: "calls"}, nil, in.Body); err != nil {
		return nil, err
	}
	c.jobs.mu.Lock()
	defer c.jobs.mu.Unlock()
	if c.jobs.closed {
		return nil, c.Failed("reprice", ledger.ErrClosed)
	}
	if c.jobs.stop != nil {
		return nil, running()
	}
	if err := c.note(ctx, j); err != nil {
		return nil, c.Failed("reprice", err)
	}
	// it outlives its request, with who asked for it
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.jobs.stop, c.jobs.id = stop, j.ID
	begun := *j
	c.jobs.wg.Go(func() {
		defer func() {
			c.jobs.mu.Lock()
			defer c.jobs.mu.Unlock()
			stop()
			c.jobs.stop = nil
		}()
		c.run(work, q, j)
	})
	return api.Answer(JobState{&begun}), nil
}

// run reprices, and notes how far it is.
func (c *Handlers) run(ctx context.Context, q ledger.RepriceRequest, j *Job) {
	always := context.WithoutCancel(ctx)
	noted := time.Now()
	q.Progress = func(records, written int64, reached time.Time) {
		j.Records, j.Written, j.Reached = records, written, api.OptionalTime(reached)
		if time.Since(noted) < jobNoted {
			return
		}
		noted = time.Now()
		if err := c.note(ctx, j); err != nil && ctx.Err() == nil {
			c.Logger.Sugar().Warnw("how far the repricing is could not be noted", "error", err)
		}
	}
	r, err := c.Ledger.Reprice(ctx, q)
	report := reportOf(&q, &r)
	j.Records, j.Written, j.Report, j.State = r.Records, r.Written, &report, jobDone
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		j.State = jobStopped
	case errors.Is(err, ledger.ErrRepricing):
		j.State, j.Problem = jobFailed, err.Error()
	case err != nil:
		j.State, j.Problem = jobFailed, "the store could not answer; the collector's log says why. What was repriced stays so; begin again to do the rest"
		c.Logger.Sugar().Errorw("repricing ended early", "error", err)
	}
	if r.Written > 0 {
		if err := c.Audit.Note(always, "calls.repriced", store.AuditTarget{Type: "calls"}, nil, auditedReport(&report)); err != nil {
			c.Logger.Sugar().Warnw("the audit log lacks what repricing has changed", "records", r.Written)
		}
	}
	if err := c.note(always, j); err != nil {
		c.Logger.Sugar().Warnw("the end of the repricing could not be noted", "error", err)
	}
}

func (c *Handlers) stopJob(ctx context.Context, _ *struct{}) (*api.Envelope[JobState], error) {
	c.jobs.mu.Lock()
	stop := c.jobs.stop
	c.jobs.mu.Unlock()
	if stop == nil {
		j, err := c.stored(ctx)
		switch {
		case err != nil:
			return nil, c.Failed("stop the repricing", err)
		case j != nil && j.State == jobRunning: // in another process
			return nil, c.Failed("stop the repricing", ledger.ErrFollower)
		}
		return nil, api.WithReason("job_unknown", api.NewProblem(http.StatusNotFound, "no repricing runs"))
	}
	if err := c.Audit.Note(ctx, "calls.reprice_stop", store.AuditTarget{Type: "calls"}, nil, nil); err != nil {
		return nil, err
	}
	stop()
	c.jobs.wg.Wait() // a chunk takes milliseconds
	j, err := c.stored(ctx)
	if err != nil {
		return nil, c.Failed("stop the repricing", err)
	}
	return api.Answer(JobState{j}), nil
}

// Close stops the repricing that runs, and waits for it. None begins afterwards.
func (c *Handlers) Close() {
	c.jobs.mu.Lock()
	c.jobs.closed = true
	if c.jobs.stop != nil {
		c.jobs.stop()
	}
	c.jobs.mu.Unlock()
	c.jobs.wg.Wait()
}
