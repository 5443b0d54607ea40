package promapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tokenboard/tokenboard/internal/promapi/promjson"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Base is the path under which the routes are.
const Base = "/prometheus/api/v1"

// Route is one route of the API. Method is GET or POST.
type Route struct {
	Method, Path string
	Handler      http.Handler
}

// answered is the data of a success, as JSON.
type answered struct {
	data  []byte
	notes annotations.Annotations
	query string // whose positions the notes have
}

// Routes returns all routes. Those that read with a body, because an expression may be long, exist twice.
func (a *API) Routes() []Route {
	var out []Route
	for _, one := range []struct {
		path string
		post bool
		f    func(context.Context, url.Values, *http.Request) (answered, error)
	}{
		{"/query", true, a.query}, {"/query_range", true, a.queryRange},
		{"/series", true, a.series}, {"/labels", true, a.labelNames}, {"/label/{name}/values", false, a.labelValues},
		{"/metadata", false, a.metadata}, {"/status/buildinfo", false, a.buildInfo},
		{"/rules", false, a.listRules}, {"/alerts", false, a.listAlerts}, {"/query_exemplars", true, exemplars},
	} {
		h := a.handler(one.f)
		out = append(out, Route{http.MethodGet, Base + one.path, h})
		if one.post {
			out = append(out, Route{http.MethodPost, Base + one.path, h})
		}
	}
	return out
}

func (a *API) handler(f func(context.Context, url.Values, *http.Request) (answered, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := form(w, r)
		if err != nil {
			fail(w, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), a.o.Timeout)
		defer cancel()
		if s := v.Get("timeout"); s != "" {
			d, err := parseDuration(s)
			if err != nil {
				fail(w, invalid("timeout", err))
				return
			}
			ctx, cancel = context.WithTimeout(ctx, min(d, a.o.Timeout))
			defer cancel()
		}
		out, err := f(ctx, v, r)
		if err != nil {
			fail(w, err)
			return
		}
		b := append([]byte(`{"status":"success","data":`), out.data...)
		warnings, infos := out.notes.AsStrings(out.query, 10, 10)
		b = appendNotes(b, "warnings", warnings)
		b = append(appendNotes(b, "infos", infos), "}\n"...)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store") // prices and late calls change the past
		_, _ = w.Write(b)                           // a client that is gone needs no answer
	})
}

func appendNotes(b []byte, name string, notes []string) []byte {
	if len(notes) == 0 {
		return b
	}
	return appendStrings(append(promjson.AppendString(append(b, ','), name), ':'), notes)
}

func appendStrings(b []byte, all []string) []byte {
	b = append(b, '[')
	for i, s := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = promjson.AppendString(b, s)
	}
	return append(b, ']')
}

// statusCanceled is the status that nginx and Prometheus use for a request whose client has disconnected.
const statusCanceled = 499

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	var p *problem
	if !errors.As(err, &p) {
		p = classified(err)
	}
	status := map[errorType]int{
		badData: http.StatusBadRequest, execution: http.StatusUnprocessableEntity, timeout: http.StatusServiceUnavailable,
		canceled: statusCanceled, unavailable: http.StatusServiceUnavailable, notFound: http.StatusNotFound,
	}[p.kind]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	Refuse(w, status, string(p.kind), p.Error())
}

// Refuse answers with an error in Prometheus' form.
func Refuse(w http.ResponseWriter, status int, kind, message string) {
	b := append([]byte(`{"status":"error","errorType":`), promjson.AppendString(nil, kind)...)
	b = append(append(b, `,"error":`...), promjson.AppendString(nil, message)...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, "}\n"...)) //nolint:gosec // JSON, in which <, > and & are escaped
}

// classified finds the type of an error of a query.
func classified(err error) *problem {
	var (
		gone    promql.ErrQueryCanceled
		late    promql.ErrQueryTimeout
		reading promql.ErrStorage
		samples promql.ErrTooManySamples
		invalid parser.ParseErrors
	)
	switch {
	case errors.As(err, &invalid):
		return &problem{badData, fmt.Errorf("invalid parameter %q: %w", "query", err)}
	case errors.As(err, &samples):
		return &problem{execution, samples}
	case errors.As(err, &late):
		return &problem{timeout, err}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{timeout, promql.ErrQueryTimeout("expression evaluation")}
	case errors.As(err, &gone), errors.Is(err, context.Canceled):
		return &problem{canceled, err}
	case errors.As(err, &reading) && errors.Is(reading.Err, store.ErrUnavailable), errors.Is(err, store.ErrUnavailable):
		return &problem{unavailable, errors.New("the database cannot be reached now; try again in a moment")}
	case errors.As(err, &reading):
		return &problem{internal, errors.New("the store could not be read; see the server's log")}
	}
	return &problem{execution, err}
}

// run executes a query and encodes its result.
func (a *API) run(ctx context.Context, q promql.Query, expr string) (answered, error) {
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return answered{}, res.Err
	}
	b, err := promjson.AppendResult(nil, res.Value, a.o.MaxBytes)
	if errors.Is(err, promjson.ErrTooLarge) {
		return answered{}, &problem{execution, err}
	}
	if err != nil {
		return answered{}, &problem{internal, fmt.Errorf("write the result: %w", err)}
	}
	return answered{data: b, notes: res.Warnings, query: expr}, nil
}

func (a *API) query(ctx context.Context, v url.Values, _ *http.Request) (answered, error) {
	expr, err := expression(v)
	if err != nil {
		return answered{}, err
	}
	at, err := timeOr(v, "time", a.o.Now())
	if err != nil {
		return answered{}, err
	}
	view, err := a.view(ctx)
	if err != nil {
		return answered{}, err
	}
	q, err := a.Instant(ctx, view, expr, at)
	if err != nil {
		return answered{}, unparsed(err)
	}
	return a.run(ctx, q, expr)
}

func (a *API) queryRange(ctx context.Context, v url.Values, _ *http.Request) (answered, error) {
	start, end, step, err := ranged(v)
	if err != nil {
		return answered{}, err
	}
	expr, err := expression(v)
	if err != nil {
		return answered{}, err
	}
	view, err := a.view(ctx)
	if err != nil {
		return answered{}, err
	}
	q, err := a.Range(ctx, view, expr, start, end, step)
	if err != nil {
		return answered{}, unparsed(err)
	}
	return a.run(ctx, q, expr)
}

// unparsed reports an error that occurred before a query was run: in its text, or in the queue.
func unparsed(err error) error {
	var late promql.ErrQueryTimeout
	var gone promql.ErrQueryCanceled
	var many promql.ErrTooManySamples
	if errors.As(err, &late) || errors.As(err, &gone) || errors.As(err, &many) {
		return err
	}
	return invalid("query", err)
}

func (a *API) view(ctx context.Context) (*View, error) {
	v, err := a.o.View(ctx)
	if err != nil {
		return nil, &problem{unavailable, errors.New("the store could not say which keys there are; try again in a moment")}
	}
	return v, nil
}

// each visits the series that exist by the end of a range and match one of several sets; no set is all series.
func (a *API) each(
	ctx context.Context, v url.Values, required bool, visit func(labels.Labels),
) error {
	sets, err := a.matchersOf(v, required)
	if err != nil {
		return err
	}
	start, err := timeOr(v, "start", time.UnixMilli(0))
	if err != nil {
		return err
	}
	end, err := timeOr(v, "end", a.o.Now())
	if err != nil {
		return err
	}
	if end.Before(start) {
		return invalid("end", errors.New("end timestamp must not be before start time"))
	}
	view, err := a.view(ctx)
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	slot, err := a.slots.Insert(ctx, "")
	if err != nil {
		return err
	}
	defer a.slots.Delete(slot)
	for _, set := range sets {
		q, err := (&queryable{api: a, view: view}).Querier(start.UnixMilli(), end.UnixMilli())
		if err != nil {
			return err
		}
		found := q.Select(ctx, false, nil, set...)
		for found.Next() {
			visit(found.At().Labels())
		}
		if err := found.Err(); err != nil {
			return err
		}
	}
	return nil
}

var errTruncated = fmt.Errorf("%w: results truncated due to limit", annotations.PromQLWarning)

// distinct collects texts up to a limit, and answers with them in order.
func (a *API) distinct(ctx context.Context, v url.Values, of func(labels.Labels, func(string))) (answered, error) {
	limit, err := limited(v)
	if err != nil {
		return answered{}, err
	}
	texts := map[string]bool{}
	err = a.each(ctx, v, false, func(l labels.Labels) { of(l, func(s string) { texts[s] = true }) })
	if err != nil {
		return answered{}, err
	}
	var out answered
	sorted := sortedKeys(texts)
	if len(sorted) > limit {
		sorted = sorted[:limit]
		out.notes.Add(errTruncated)
	}
	out.data = appendStrings(nil, sorted)
	return out, nil
}

func (a *API) labelNames(ctx context.Context, v url.Values, _ *http.Request) (answered, error) {
	return a.distinct(ctx, v, func(l labels.Labels, add func(string)) {
		l.Range(func(one labels.Label) { add(one.Name) })
	})
}

func (a *API) labelValues(ctx context.Context, v url.Values, r *http.Request) (answered, error) {
	name := r.PathValue("name")
	if !model.UTF8Validation.IsValidLabelName(name) {
		return answered{}, &problem{badData, fmt.Errorf("invalid label name: %q", name)}
	}
	return a.distinct(ctx, v, func(l labels.Labels, add func(string)) {
		if value := l.Get(name); value != "" {
			add(value)
		}
	})
}

func (a *API) series(ctx context.Context, v url.Values, _ *http.Request) (answered, error) {
	limit, err := limited(v)
	if err != nil {
		return answered{}, err
	}
	var all []labels.Labels
	seen := map[string]bool{}
	err = a.each(ctx, v, true, func(l labels.Labels) {
		if key := string(l.Bytes(nil)); !seen[key] {
			seen[key] = true
			all = append(all, l)
		}
	})
	if err != nil {
		return answered{}, err
	}
	slices.SortFunc(all, labels.Compare)
	out := answered{data: []byte{'['}}
	if len(all) > limit {
		all = all[:limit]
		out.notes.Add(errTruncated)
	}
	for i, l := range all {
		if i > 0 {
			out.data = append(out.data, ',')
		}
		out.data = promjson.AppendLabels(out.data, l)
	}
	out.data = append(out.data, ']')
	return out, nil
}

func (a *API) buildInfo(context.Context, url.Values, *http.Request) (answered, error) {
	// Grafana chooses features by the version of Prometheus whose engine answers.
	return encoded(map[string]string{
		"version": engineVersion, "revision": "tokenboard " + a.o.Version, "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
	})
}

func exemplars(context.Context, url.Values, *http.Request) (answered, error) {
	return answered{data: []byte("[]")}, nil
}

// engineVersion is the version of Prometheus of the module v0.316.0.
const engineVersion = "3.16.0"

var _ storage.Queryable = (*queryable)(nil)
