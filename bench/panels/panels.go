// Package panels measures the questions of a dashboard's panels over PromQL, asked as Grafana asks them.
package panels

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/dashboards"
	"github.com/tokenboard/tokenboard/internal/promapi"
)

// The limits that the panels of the Overview dashboard are held to, over 90 days.
const (
	panelSmall, panelLarge = 300 * time.Millisecond, time.Second // of up to a million calls, and of more
	panelMemory            = 100_000_000
)

// Panels measures the questions of the Overview dashboard.
type Panels struct {
	API    *promapi.API
	End    time.Time     // of the range that the dashboard shows
	Span   time.Duration // its length
	Rounds int           // how often each panel is asked; the middle one counts
	Large  bool          // of more than a million calls
	over   []string      // the panels above a limit
}

func (p *Panels) limit() time.Duration {
	if p.Large {
		return panelLarge
	}
	return panelSmall
}

// panel is what bench reads of a dashboard's panel.
type panel struct {
	Title   string
	Panels  []panel
	Targets []struct {
		Expr    string
		Instant bool
	}
}

// Measure asks all panels, and prints a row for each: the time of its first and of a later question, the most by which
// the memory in use grew, and the size of the answers. It fails where a panel is above its limits.
func (p *Panels) Measure(ctx context.Context, out io.Writer) error {
	var overview struct{ Panels []panel }
	i := slices.IndexFunc(dashboards.All(), func(d dashboards.Dashboard) bool { return d.Name == "overview" })
	if err := json.Unmarshal(dashboards.All()[i].JSON, &overview); err != nil {
		return fmt.Errorf("read the dashboard: %w", err)
	}
	_, _ = fmt.Fprintf(out, "%-32s %10s %10s %10s %10s\n", "panel", "first ms", "then ms", "memory MB", "answer kB")
	for _, one := range flat(overview.Panels) {
		if len(one.Targets) == 0 {
			continue
		}
		if err := p.panel(ctx, out, &one); err != nil {
			return err
		}
	}
	if len(p.over) > 0 {
		return fmt.Errorf("over %s or %d MB: %s", p.limit(), panelMemory/1_000_000, strings.Join(p.over, ", "))
	}
	return nil
}

func flat(all []panel) (out []panel) {
	for _, one := range all {
		out = append(append(out, one), flat(one.Panels)...)
	}
	return out
}

// panel asks what one panel asks, several times.
func (p *Panels) panel(ctx context.Context, out io.Writer, one *panel) error {
	var times []time.Duration
	var memory, size int
	for range p.Rounds {
		var took time.Duration
		size = 0
		for _, t := range one.Targets {
			d, grown, n, err := p.ask(ctx, t.Expr, t.Instant)
			if err != nil {
				return fmt.Errorf("panel %s: %w", one.Title, err)
			}
			took, memory, size = took+d, max(memory, grown), size+n
		}
		times = append(times, took)
	}
	first := times[0]
	slices.Sort(times)
	middle := times[len(times)/2]
	_, _ = fmt.Fprintf(out, "%-32s %10.0f %10.0f %10.1f %10.1f\n", one.Title, first.Seconds()*1e3, middle.Seconds()*1e3, float64(memory)/1e6, float64(size)/1e3)
	if middle > p.limit() || memory > panelMemory {
		p.over = append(p.over, one.Title)
	}
	return nil
}

// Grafana's arithmetic: a panel has at most so many points, and its step is one of these.
const panelPoints = 1000

var steps = []time.Duration{
	15 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// ask asks one question as Grafana does; it returns the time, by how much the memory in use grew, and the bytes of
// the answer.
func (p *Panels) ask(ctx context.Context, expr string, instant bool) (took time.Duration, grown, size int, err error) {
	const resolution = 15 * time.Minute
	step := steps[len(steps)-1]
	for _, s := range steps {
		if s >= p.Span/panelPoints {
			step = s
			break
		}
	}
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + "s" }
	expr = strings.NewReplacer(
		"$__range", seconds(p.Span), "$__rate_interval", seconds(max(step+resolution, 4*resolution)), "$__interval", seconds(step),
		"$instance", ".*", "$provider", ".*", "$model", ".*", "$service", ".*", "$key", ".*",
	).Replace(expr)
	v := url.Values{"query": {expr}, "time": {inSeconds(p.End)}}
	path := "/query"
	if !instant {
		path = "/query_range"
		v = url.Values{"query": {expr}, "start": {inSeconds(p.End.Add(-p.Span).Truncate(step))}, "end": {inSeconds(p.End.Truncate(step))}, "step": {strconv.Itoa(int(step.Seconds()))}}
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, promapi.Base+path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	runtime.GC()
	before := heap()
	stop := highestHeap()
	begun := time.Now()
	for _, route := range p.API.Routes() {
		if route.Path == promapi.Base+path && route.Method == http.MethodPost {
			route.Handler.ServeHTTP(w, r)
		}
	}
	took = time.Since(begun)
	grown = max(int(stop())-int(before), 0)
	if w.Code != http.StatusOK {
		return 0, 0, 0, fmt.Errorf("%s answers %d: %s", expr, w.Code, w.Body)
	}
	return took, grown, w.Body.Len(), nil
}

func inSeconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', 3, 64)
}

const heapMetric = "/memory/classes/heap/objects:bytes"

// heap returns the bytes of objects, garbage that was not collected yet included.
func heap() uint64 {
	s := []metrics.Sample{{Name: heapMetric}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// highestHeap watches the heap; stop returns the most that it had.
func highestHeap() (stop func() uint64) {
	end, out := make(chan struct{}), make(chan uint64)
	go func() {
		most := heap()
		for {
			select {
			case <-end:
				out <- max(most, heap())
				return
			case <-time.After(time.Millisecond):
				most = max(most, heap())
			}
		}
	}()
	return func() uint64 {
		close(end)
		return <-out
	}
}
