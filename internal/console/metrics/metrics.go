package metrics

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/rollup/series"
)

// scrapeLimit bounds the work for one scrape.
const scrapeLimit = 10 * time.Second

// Handlers answer scrapes.
type Handlers struct {
	*api.Env
	Keys    *keyindex.Book
	Budgets *budgets.Handlers
	Ledger  *ledger.Ledger
	Started time.Time
}

// Routes adds the route.
func (c *Handlers) Routes(r *api.Router) {
	r.Handle(http.MethodGet, "/metrics", access.ReadMetrics, c.metrics())
}

// metrics serves the ledger's series to Prometheus. They come from the ledger, so that they survive
// restarts and equal what the API says.
func (c *Handlers) metrics() http.Handler { return newScraper(c) }

type collector struct {
	from  *Handlers
	used  []series.Label // the labels that series have
	descs map[*Def]*prometheus.Desc
	// withoutSeries leaves out what calls are counted by, which is most of the work.
	withoutSeries bool
	// withHistograms shows the histograms nevertheless.
	withHistograms bool

	mu   sync.Mutex
	seen seenSeries
}

// seenSeries says under which labels series were shown, and, of those that came while this process runs,
// when they were nothing: at the scrape before. It is what Prometheus calls a created timestamp.
type seenSeries struct {
	last time.Time // the last scrape
	as   map[series.Labels]seenAs
}

type seenAs struct {
	labels  series.Labels
	created time.Time // zero: not known
}

func newCollector(c *Handlers) *collector {
	m := &collector{from: c, used: c.Ledger.SeriesLabels(), descs: map[*Def]*prometheus.Desc{}}
	var ofSeries []string
	for _, l := range m.used {
		ofSeries = append(ofSeries, labelNames[l])
	}
	for _, d := range Defs {
		m.descs[d] = prometheus.NewDesc(MetricPrefix+d.Name, d.Help, d.AllLabels(ofSeries), nil)
	}
	return m
}

// Describe names the metrics.
func (m *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range Defs {
		ch <- m.descs[d]
	}
}

// Collect reads the ledger and the keys.
func (m *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	out := &scrape{m: m, ch: ch}
	out.replica(ctx)
	if m.from.Ledger.Role().Leading {
		out.shared(ctx)
	}
	if err := out.store(ctx); err != nil {
		out.failed(&mRecords, err)
	}
}

// shared shows what all processes know of the store, of which the leader alone tells: sums over processes are right then.
func (s *scrape) shared(ctx context.Context) {
	m, out := s.m, s
	index, err := m.from.Keys.Index(ctx)
	if err != nil {
		out.failed(&mKeys, err)
		return
	}
	if m.withoutSeries {
		sums, _ := m.from.Ledger.Counters()
		out.put(&mSeries, float64(len(sums)))
		if m.withHistograms {
			_, timings := m.from.Ledger.Series()
			out.histograms(timings)
		}
	} else {
		out.calls(index)
	}
	hidden, err := out.keys(ctx, index)
	if err != nil {
		out.failed(&mKeys, err)
		return
	}
	out.put(&mHidden, float64(hidden+out.budgets(ctx, index)))
}

// replica shows what this process is among those that share the store.
func (s *scrape) replica(ctx context.Context) {
	role := s.m.from.Ledger.Role()
	leading := 0.0
	if role.Leading {
		leading = 1
	}
	s.put(&mLeader, leading)
	s.put(&mCommit, float64(role.Seq))
	c, err := s.m.from.Ledger.Cluster(ctx)
	if err != nil {
		return // /ready says so
	}
	s.put(&mInbox, float64(c.Inbox.Deliveries))
	s.put(&mInboxAge, c.Inbox.Oldest.Seconds())
}

// calls shows the series and the histograms of calls.
func (s *scrape) calls(index *keyindex.Index) {
	sums, timings := s.m.from.Ledger.Series()
	s.series(s.m.named(index, sums), len(sums))
	s.histograms(timings)
}

// histograms shows the times of calls.
func (s *scrape) histograms(timings map[series.Model]series.Timings) {
	for member, t := range cleanMembers(timings) {
		s.histogram(&mDuration, durationBounds, &t.Duration, member)
		s.histogram(&mTTFT, ttftBounds, &t.TTFT, member)
		s.histogram(&mSpeed, speedBounds, &t.Speed, member)
	}
}

// cleanLabel makes a text one that a label can have.
func cleanLabel(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// shownSeries is a series as it is shown.
type shownSeries struct {
	rollup.Sums
	created time.Time // zero: not known
}

// named puts the names of keys in the place of their fingerprints, and adds up series that have the
// same labels then. No whole fingerprint is shown.
func (m *collector) named(index *keyindex.Index, sums map[series.Labels]rollup.Sums) map[series.Labels]*shownSeries {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.from.Now()
	all, as := make(map[series.Labels]*shownSeries, len(sums)), make(map[series.Labels]seenAs, len(sums))
	names := map[string]string{"": ""} // of keys: many series have the same
	for raw, s := range sums {
		l := raw
		name, known := names[l[series.LabelKey]]
		if !known {
			name = index.MetricName(l[series.LabelKey])
			names[l[series.LabelKey]] = name
		}
		l[series.LabelKey] = name
		for i := range l {
			l[i] = cleanLabel(l[i])
		}
		was, known := m.seen.as[raw]
		switch {
		case !known:
			was = seenAs{l, m.seen.last}
		case was.labels != l: // the key has another name now: it brings along what it had
			was = seenAs{labels: l}
		}
		as[raw] = was
		shown := all[l]
		if shown == nil {
			shown = &shownSeries{created: was.created}
			all[l] = shown
		} else if was.created.Before(shown.created) {
			shown.created = was.created
		}
		shown.MergeCounts(&s)
	}
	m.seen = seenSeries{last: now, as: as}
	return all
}

// scrape is one answer.
type scrape struct {
	m  *collector
	ch chan<- prometheus.Metric
}

func (s *scrape) failed(d *Def, err error) {
	s.ch <- prometheus.NewInvalidMetric(s.m.descs[d], err)
}

func (s *scrape) put(d *Def, v float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(s.m.descs[d], d.Kind, v, labels...)
}

// series shows what calls are counted by. A kind of tokens that a series never had is left out.
func (s *scrape) series(all map[series.Labels]*shownSeries, stored int) {
	s.put(&mSeries, float64(stored))
	for l, sums := range all {
		labels := make([]string, len(s.m.used), len(s.m.used)+1)
		for i, used := range s.m.used {
			labels[i] = l[used]
		}
		count := func(d *Def, v float64, more ...string) {
			labels := append(labels, more...)
			if sums.created.IsZero() {
				s.put(d, v, labels...)
				return
			}
			s.ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(s.m.descs[d], counter, v, sums.created, labels...)
		}
		count(&mCalls, float64(sums.Calls))
		count(&mErrors, float64(sums.Errors))
		count(&mCost, float64(sums.Cost)/1e9)
		count(&mNoUsage, float64(sums.NoUsage))
		count(&mUnpriced, float64(sums.Unpriced))
		t := &sums.Tokens
		for _, k := range [...]struct {
			kind string
			n    int64
		}{
			{"input_uncached", t.InputUncached}, {"cache_read", t.CacheRead}, {"cache_write", t.CacheWrite},
			{"output_text", t.OutputText}, {"reasoning", t.Reasoning},
		} {
			if k.n != 0 {
				count(&mTokens, float64(k.n), k.kind)
			}
		}
	}
}

// store exposes the metrics of the store.
func (s *scrape) store(ctx context.Context) error {
	status, err := s.m.from.Ledger.Status(ctx)
	if err != nil {
		return err
	}
	if s.m.from.Ledger.Role().Leading { // all see the same
		s.put(&mRecords, float64(status.Info.Records))
		s.put(&mBytes, float64(status.Info.Bytes))
	}
	if !status.LastCommit.IsZero() {
		s.put(&mLastCommit, float64(status.LastCommit.UnixMilli())/1e3)
	}
	s.put(&mStart, float64(s.m.from.Started.UnixMilli())/1e3)
	version := "" // nothing is priced
	if prices := s.m.from.Ledger.Prices(); prices != nil {
		version = prices.Version()
	}
	s.put(&mPrices, 1, version)
	n := &status.Counters
	s.put(&mCommits, float64(n.Committed))
	s.put(&mDuplicates, float64(n.Duplicates))
	s.put(&mReplaced, float64(n.Replaced))
	s.put(&mSuperseded, float64(n.Superseded))
	s.put(&mRefused, float64(n.RefusedOld), "too_old")
	s.put(&mRefused, float64(n.RefusedNew), "future")
	s.put(&mRefused, float64(n.RefusedBad), "unusable")
	s.put(&mDropped, float64(n.Dropped))
	s.put(&mEvicted, float64(n.Evicted))
	s.put(&mOverflowed, float64(status.Overflowed))
	s.put(&mSecrets, float64(status.Secrets))
	return nil
}
