package metrics

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/store"
)

// scraper answers scrapes in the text formats as the client library does, without making those lines anew that have
// not changed. Other formats are the client library's own.
type scraper struct {
	m       *collector
	rest    *prometheus.Registry // everything but the series of calls
	library http.Handler
	formats map[expfmt.FormatType]*encoded
	zippers sync.Pool
	buffers sync.Pool // of bodies: each is some megabytes
}

// maxBuffer bounds the bytes of a buffer that is kept.
const maxBuffer = 16 << 20

func newScraper(c *Handlers) *scraper {
	all, rest := newCollector(c), newCollector(c)
	rest.withoutSeries = true
	rest.withHistograms = true
	registry := prometheus.NewRegistry()
	registry.MustRegister(all)
	s := &scraper{m: all, rest: prometheus.NewRegistry(), formats: map[expfmt.FormatType]*encoded{
		expfmt.TypeTextPlain:   newEncoded(all, asText),
		expfmt.TypeOpenMetrics: newEncoded(all, asOpenMetrics),
	}}
	s.rest.MustRegister(rest)
	s.library = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError, ErrorLog: zap.NewStdLog(c.Logger),
	})
	s.buffers.New = func() any { return &bytes.Buffer{} }
	s.zippers.New = func() any {
		w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil {
			panic(err) // the level is one that there is
		}
		return w
	}
	return s
}

func (s *scraper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	lines := s.formats[format.FormatType()]
	if lines == nil || r.URL.Query().Has("name[]") {
		s.library.ServeHTTP(w, r)
		return
	}
	body := s.buffers.Get().(*bytes.Buffer) //nolint:forcetypeassert // it holds nothing else
	body.Reset()
	defer func() {
		if body.Cap() <= maxBuffer {
			s.buffers.Put(body)
		}
	}()
	if err := s.write(r.Context(), body, lines, format); err != nil {
		s.m.from.Logger.Error("Metrics could not be read", zap.Error(err))
		if unavailable(err) {
			http.Error(w, "The database cannot be reached now (store_unavailable); scrape again later", http.StatusServiceUnavailable)
			return
		}
		http.Error(w, "An error has occurred while serving metrics; see the server's log", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Add("Vary", "Accept")
	h.Add("Vary", "Accept-Encoding")
	h.Set("Content-Type", string(format))
	if !acceptsGzip(r) {
		_, _ = w.Write(body.Bytes()) // a client that is gone needs no answer
		return
	}
	h.Set("Content-Encoding", "gzip")
	zip := s.zippers.Get().(*gzip.Writer) //nolint:forcetypeassert // it holds nothing else
	zip.Reset(w)
	_, _ = zip.Write(body.Bytes())
	_ = zip.Close()
	s.zippers.Put(zip)
}

// unavailable reports that metrics could not be read since the database cannot be reached. The client library's list of
// errors does not unwrap to its parts.
func unavailable(err error) bool {
	var all prometheus.MultiError
	if errors.As(err, &all) {
		return slices.ContainsFunc(all, unavailable)
	}
	return errors.Is(err, store.ErrUnavailable)
}

// acceptsGzip reports whether a client asks for gzip by name.
func acceptsGzip(r *http.Request) bool {
	for _, one := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(one, ";")
		if strings.TrimSpace(name) == "gzip" && !strings.HasPrefix(strings.ReplaceAll(weight, " ", ""), "q=0") {
			return true
		}
	}
	return false
}

// write writes a whole answer. The series of calls are in that of the process that leads only, as in the client library's.
func (s *scraper) write(ctx context.Context, b *bytes.Buffer, lines *encoded, format expfmt.Format) error {
	ctx, cancel := context.WithTimeout(ctx, scrapeLimit)
	defer cancel()
	index, err := s.m.from.Keys.Index(ctx)
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	rest, err := s.rest.Gather()
	if err != nil {
		return fmt.Errorf("read the metrics: %w", err)
	}
	lines.mu.Lock()
	defer lines.mu.Unlock()
	enc := expfmt.NewEncoder(b, format)
	next := len(seriesDefs)
	if s.m.from.Ledger.Role().Leading {
		next = 0
		sums, _ := s.m.from.Ledger.Series()
		if err := lines.update(s.m.named(index, sums)); err != nil {
			return err
		}
	}
	until := func(name string) {
		for ; next < len(seriesDefs) && (name == "" || MetricPrefix+seriesDefs[next].Name < name); next++ {
			lines.families[next].appendTo(b)
		}
	}
	slices.SortFunc(rest, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	for _, family := range rest {
		until(family.GetName())
		if err := enc.Encode(family); err != nil {
			return fmt.Errorf("write the metrics: %w", err)
		}
	}
	until("")
	if last, is := enc.(expfmt.Closer); is {
		if err := last.Close(); err != nil {
			return fmt.Errorf("write the metrics: %w", err)
		}
	}
	return nil
}
