// Package importer brings files of calls of the past into the ledger.
package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/download"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/hangup"
	"github.com/tokenboard/tokenboard/internal/history"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	maxImport   = 1 << 30          // bytes of one request
	importBatch = 500              // calls in one commit
	importStall = 30 * time.Second // in which the next piece has to come
	importMost  = 15 * time.Minute // for one request
	maxReported = 100              // refused rows that are reported one by one
	maxDryRun   = 500_000          // calls of a dry run that are remembered, to find those that the file repeats
	maxNoCalls  = 10_000           // rows that are no calls, where nearly all are: it is another kind of file
)

// Import is the result of importing a file.
type Import struct {
	Format       string        `json:"format"`
	DryRun       bool          `json:"dry_run" doc:"nothing was stored; accepted are the calls that would be"`
	Rows         int           `json:"rows" doc:"that the file has"`
	Accepted     int           `json:"accepted" doc:"calls that are in the ledger now and were not before"`
	Duplicates   int           `json:"duplicates" doc:"rows whose call was there already; nothing changed"`
	LeftOut      []LeftOutRows `json:"left_out" doc:"rows that are no calls to count, by reason"`
	RefusedCount int           `json:"refused_count"`
	Refused      []RefusedRow  `json:"refused" doc:"the first 100 of the rows that could not be taken"`
	From         *time.Time    `json:"from" doc:"start of the oldest accepted call"`
	To           *time.Time    `json:"to" doc:"start of the newest accepted call"`
	InputTokens  int64         `json:"input_tokens" doc:"of the accepted calls"`
	OutputTokens int64         `json:"output_tokens" doc:"of the accepted calls"`
}

// RefusedRow is a row that could not be taken.
type RefusedRow struct {
	Line   int    `json:"line" doc:"in which it ends, counted from 1"`
	Reason string `json:"reason"`
}

// LeftOutRows is rows that were not meant to be taken.
type LeftOutRows struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// importInput reads the body itself, piece by piece.
type importInput struct {
	Format string `query:"format" required:"true" enum:"ndjson,tokenboard,cliproxy,litellm,newapi,langfuse,helicone" doc:"ndjson: calls as /export?format=ndjson returns them; tokenboard: the JSON document of /export; cliproxy: the usage export of CLIProxyAPI before 6.10. As JSON, NDJSON or CSV, and those that name a table as a database dump: litellm: rows of LiteLLM_SpendLogs; newapi: rows of the table logs of new-api and one-api; langfuse: observations; helicone: requests"`
	To     string `query:"to" maxLength:"64" doc:"leaves out calls that start at this time or later: from when on the live telemetry reports them"`
	DryRun bool   `query:"dry_run" doc:"reports what would be accepted, and stores nothing"`

	body    io.Reader
	control *http.ResponseController
	length  int64
}

// Resolve keeps the body for the handler.
func (in *importInput) Resolve(ctx huma.Context) []error {
	r, w := humago.Unwrap(ctx)
	in.body, in.control, in.length = http.MaxBytesReader(w, r.Body, maxImport), http.NewResponseController(w), r.ContentLength
	return nil
}

// Handlers answer the route that imports calls.
type Handlers struct {
	*api.Env
	Keys   *keyindex.Book
	Ledger *ledger.Ledger
	Audit  *audit.Log
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	op := api.Operation(http.MethodPost, "/logs/import", "import", "Bring calls of the past into the ledger")
	op.Description = "Importing a file again changes nothing. The file is read as it comes, and committed in pieces: after an error, what was read before it is there, " +
		"and the same file can be sent again. Calls older than what is kept are refused. Keys of foreign files are kept as fingerprints only."
	api.Register(r, access.ImportCalls, op, c.importCalls)
	// huma would read the whole body of an operation that describes one: only the document has it
	described := *r.API.OpenAPI().Paths[op.Path].Post
	file := &huma.MediaType{Schema: &huma.Schema{Description: "the file, at most 1 GiB"}}
	described.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": file, "application/x-ndjson": file}}
	r.API.OpenAPI().Paths[op.Path].Post = &described
}

func (c *Handlers) importCalls(ctx context.Context, in *importInput) (*api.Envelope[Import], error) {
	if in.length > maxImport {
		return nil, tooLong()
	}
	if in.length == 0 {
		return nil, api.WithReason("file_missing", api.Invalid("body", "must hold the file to import", nil))
	}
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return nil, c.Failed("import", err)
	}
	run := &importRun{ledger: c.Ledger, ctx: ctx, index: index, leftOut: map[string]int{}, out: Import{Format: in.Format, DryRun: in.DryRun, Refused: []RefusedRow{}}}
	if in.To != "" {
		if run.until, err = api.ParseTime(in.To); err != nil {
			return nil, api.WithReason("time_unreadable", api.Invalid("query.to", err.Error(), in.To))
		}
	}
	limited, cancel := context.WithTimeout(ctx, importMost)
	defer cancel()
	run.ctx = limited
	err = history.Read(limited, history.Format(in.Format), &steady{ctx: limited, r: in.body, control: in.control}, run.take)
	if err == nil {
		err = run.commit()
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = errLongImport
	}
	_ = in.control.SetWriteDeadline(time.Now().Add(download.Stall)) // not every server has deadlines
	run.finish()
	if !in.DryRun && (err == nil || run.out.Accepted > 0) {
		// what is in the ledger is noted, also where the request is over or the rest failed
		noted := c.Audit.Note(context.WithoutCancel(ctx), "calls.import", store.AuditTarget{Type: "calls", Name: in.Format}, nil, auditImport{
			Rows: run.out.Rows, Accepted: run.out.Accepted, Duplicates: run.out.Duplicates, Refused: run.out.RefusedCount, From: run.out.From, To: run.out.To,
		})
		if err == nil {
			err = noted
		}
	}
	if err != nil {
		return nil, c.importFailed(err, &run.out)
	}
	return api.Answer(run.out), nil
}

// auditImport is the form of an import in the audit log.
type auditImport struct {
	Rows       int        `json:"rows"`
	Accepted   int        `json:"accepted"`
	Duplicates int        `json:"duplicates"`
	Refused    int        `json:"refused"`
	From       *time.Time `json:"from"`
	To         *time.Time `json:"to"`
}

func tooLong() error {
	return api.WithReason("file_too_long", api.NewProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the file is longer than %d MiB; split it, for NDJSON by lines", maxImport>>20)))
}

// importFailed answers for an import that broke off.
func (c *Handlers) importFailed(err error, out *Import) error {
	so := fmt.Sprintf("; %d calls before that were accepted, and the file can be sent again", out.Accepted)
	var tooLarge *http.MaxBytesError
	var syntax *history.SyntaxError
	var status huma.StatusError
	switch {
	case errors.As(err, &status):
		return err
	case errors.As(err, &tooLarge) && tooLarge.Limit == maxImport:
		return api.WithReason("file_too_long", api.NewProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the file is longer than %d MiB; split it%s", maxImport>>20, so)))
	case errors.As(err, &tooLarge):
		return api.WithReason("file_too_long", api.NewProblem(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("the file is longer than %d bytes, the most that max_request_body_size of the console's configuration allows; split it, or raise that%s", tooLarge.Limit, so)))
	case errors.As(err, &syntax):
		return api.WithReason("file_unreadable", api.NewProblem(http.StatusBadRequest, "the file cannot be read as "+out.Format+": "+syntax.Error()+so))
	case errors.Is(err, errNoCalls):
		return api.WithReason("file_without_calls", api.NewProblem(http.StatusBadRequest, fmt.Sprintf("%d rows were read and nearly none is a call; see whether the file is of the format %s%s", out.Rows, out.Format, so)))
	case errors.Is(err, errLongImport):
		return api.WithReason("took_too_long", api.NewProblem(http.StatusRequestTimeout, fmt.Sprintf("the import took longer than %d minutes; split the file%s", int(importMost.Minutes()), so)))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errBody):
		return api.WithReason("file_cut_off", api.NewProblem(http.StatusBadRequest, "the file did not come to its end"+so))
	}
	return c.Failed("import", err)
}

// errNoCalls and errLongImport report a file that is not read to its end.
var (
	errNoCalls    = errors.New("the rows of the file are no calls")
	errLongImport = errors.New("the import took too long")
)

// errBody reports a body that could not be read: its sender is gone or too slow.
var errBody = errors.New("the request's body broke off")

// steady returns every piece of a body its own time limit, and ends when its sender is gone. The server itself
// notices that only at the body's end, which is far where a compressed body is all there already.
type steady struct {
	ctx     context.Context //nolint:containedctx // of the one request that it lives for
	r       io.Reader
	control *http.ResponseController
	looked  time.Time
}

// lookEvery is the time between two looks at the connection.
const lookEvery = 50 * time.Millisecond

func (s *steady) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(s.looked) >= lookEvery {
		if s.looked = now; hangup.Gone(s.ctx) {
			return 0, fmt.Errorf("%w: its sender closed the connection", errBody)
		}
	}
	_ = s.control.SetReadDeadline(time.Now().Add(importStall)) // not every server has deadlines
	n, err := s.r.Read(p)
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &tooLarge) {
		err = fmt.Errorf("%w: %w", errBody, err)
	}
	return n, err
}

// importRun is one import under way.
type importRun struct {
	ledger  *ledger.Ledger
	ctx     context.Context
	index   *keyindex.Index
	until   time.Time // zero: all
	out     Import
	leftOut map[string]int
	noCalls int // rows that are no calls at all

	batch usage.Batch
	ids   map[usage.ID]bool // of the batch; in a dry run, of those before too
}

// take looks at a row and puts its call into the next commit.
func (r *importRun) take(row *history.Row) error {
	r.out.Rows++
	call := &row.Call
	switch {
	case row.Bad != "":
		r.refuse(row.Line, row.Bad)
		if r.noCalls++; r.noCalls >= maxNoCalls && r.noCalls > r.out.Rows/10*9 {
			return errNoCalls
		}
		return nil
	case row.LeftOut != "":
		r.leftOut[row.LeftOut]++
		return nil
	case !r.until.IsZero() && !call.Start.Before(r.until):
		r.leftOut["it does not start before the time given in to"]++
		return nil
	}
	if err := r.ledger.Refuses(call.Start); err != nil {
		r.refuse(row.Line, err.Error())
		return nil
	}
	// what is stored stays as it is, whether the file has it more completely or less
	_, stored, err := r.ledger.Get(r.ctx, call.ID, call.Start)
	if err != nil {
		return err
	}
	if stored || r.ids[call.ID] {
		r.out.Duplicates++
		return nil
	}
	r.key(call, row.Key)
	if r.ids == nil {
		r.ids = make(map[usage.ID]bool, importBatch)
	}
	r.ids[call.ID] = true
	r.batch.Calls = append(r.batch.Calls, *call)
	if len(r.batch.Calls) < importBatch {
		return nil
	}
	return r.commit()
}

func (r *importRun) refuse(line int, reason string) {
	if r.out.RefusedCount++; len(r.out.Refused) < maxReported {
		r.out.Refused = append(r.out.Refused, RefusedRow{line, reason})
	}
}

// key finds the key that a call of our own export was made with: by its id, by the ext_ name of a known external key,
// else by its name. For a key that is not stored here, it derives a fingerprint from the key's fields in the export, so
// that all its calls stay calls of one key. The prefix is a part of stored fingerprints and must not change.
func (r *importRun) key(call *usage.Call, k history.Key) {
	if k == (history.Key{}) {
		return
	}
	if known := r.index.Ring.ID(k.ID); known != nil {
		call.KeyFingerprint, call.KeyDisplay = known.Fingerprint, known.Display
		return
	}
	if f, known := r.index.External(k.ID); known {
		call.KeyFingerprint, call.KeyDisplay = f, k.Display
		return
	}
	if k.Name != "" {
		if named := r.index.Ring.Named(k.Name); len(named) == 1 {
			call.KeyFingerprint, call.KeyDisplay = named[0].Fingerprint, k.Display
			return
		}
	}
	call.KeyFingerprint, call.KeyDisplay = usage.Fingerprint("imported\x00"+k.ID+"\x00"+k.Name+"\x00"+k.Display), k.Display
}

func (r *importRun) commit() error {
	if len(r.batch.Calls) == 0 {
		return nil
	}
	if !r.out.DryRun {
		if err := r.ledger.Commit(r.ctx, r.batch); err != nil {
			return err
		}
	}
	for i := range r.batch.Calls {
		call := &r.batch.Calls[i]
		if r.out.From == nil || call.Start.Before(*r.out.From) {
			r.out.From = api.OptionalTime(call.Start)
		}
		if r.out.To == nil || call.Start.After(*r.out.To) {
			r.out.To = api.OptionalTime(call.Start)
		}
		r.out.InputTokens = usage.AddSat(r.out.InputTokens, call.Tokens.Input())
		r.out.OutputTokens = usage.AddSat(r.out.OutputTokens, call.Tokens.Output())
	}
	r.out.Accepted += len(r.batch.Calls)
	r.batch.Calls = nil // so that their texts are not kept until the next batch overwrites them
	if !r.out.DryRun || len(r.ids) > maxDryRun {
		clear(r.ids)
	}
	return nil
}

func (r *importRun) finish() {
	r.out.LeftOut = []LeftOutRows{}
	for reason, n := range r.leftOut {
		r.out.LeftOut = append(r.out.LeftOut, LeftOutRows{reason, n})
	}
	slices.SortFunc(r.out.LeftOut, func(a, b LeftOutRows) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
}
