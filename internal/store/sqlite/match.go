package sqlite

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// match is a filter made ready: values are numbers of texts, times are Unix ns.
type match struct {
	from, to int64 // both included
	none     bool
	counted  bool // leaves out what does not count
	failed   bool // leaves out what did not fail: known of whole blocks, asked of rows by statuses
	since    int64
	bySeen   bool // leaves out what was put before since
	texts    []textMatch
	statuses []usage.StatusFilter
	tiers    []usage.Tier // of which a record has one; nil: any
	terms    []term
	dims     dimValues
	only     func(*blockRef) bool // leaves out blocks; nil: none
}

// textMatch asks for one of some texts of a kind.
type textMatch struct {
	kind    kind
	numbers map[uint32]bool
	fulfils func(*dimKey) bool // what these texts do, and those that blocks keep themselves
	names   []string           // the names that are asked for, where it is whole names
}

func newTextMatch(of kind, dims dimValues, fulfils func(*dimKey) bool) textMatch {
	return textMatch{kind: of, numbers: dims.match(of, fulfils), fulfils: fulfils}
}

// has tells whether a text of a block is one of those.
func (t *textMatch) has(number uint64, f *block.Figures) bool {
	if text, own := f.InlineText(number); own {
		k := dimKeyOf(t.kind, text)
		return t.fulfils(&k)
	}
	return t.numbers[uint32(number)]
}

// hasEntry tells whether the text of a record that is not in a block yet is one of those.
func (t *textMatch) hasEntry(row *block.Row) bool {
	n := row.IDs[t.kind]
	if n&block.Inline != 0 {
		k := dimKeyIn(&row.Record.Call, t.kind)
		return t.fulfils(&k)
	}
	return t.numbers[n]
}

// newMatch makes a filter ready for the texts of one moment.
func newMatch(f *store.Filter, dims dimValues) *match {
	m := &match{from: math.MinInt64, to: math.MaxInt64, none: f.None, counted: !f.Superseded, dims: dims}
	if !f.From.IsZero() {
		m.from = nanos(f.From)
	}
	if !f.To.IsZero() {
		m.to = nanos(f.To)
		m.none = m.none || m.to == math.MinInt64
		m.to--
	}
	if !f.StoredSince.IsZero() {
		m.bySeen, m.since = true, f.StoredSince.Unix()
	}
	for _, d := range []struct {
		kind   kind
		values []string
	}{
		{kindModel, f.Models}, {kindProvider, f.Providers}, {kindKey, f.Keys}, {kindUser, f.Users}, {kindService, f.Services}, {kindProject, f.Projects},
	} {
		if len(d.values) > 0 {
			t := newTextMatch(d.kind, dims, func(k *dimKey) bool { return slices.Contains(d.values, k.a) })
			t.names = d.values
			m.texts = append(m.texts, t)
		}
	}
	for _, s := range f.Statuses {
		m.statuses = append(m.statuses, usage.ParseStatusFilter(s))
	}
	m.failed = len(f.Statuses) > 0 && !slices.ContainsFunc(f.Statuses, func(s string) bool { return s != "error" })
	for _, name := range f.Tiers {
		if t, known := usage.TierNamed(name); known {
			m.tiers = append(m.tiers, t)
		}
	}
	m.none = m.none || (len(f.Tiers) > 0 && len(m.tiers) == 0)
	for i := range f.Text {
		m.terms = append(m.terms, newTerm(&f.Text[i], dims))
	}
	return m
}

// nanos gives Unix ns, the least or the greatest number where the time is beyond them.
func nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < -math.MaxInt64/int64(time.Second):
		return math.MinInt64
	case s > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// mayBeIn tells whether a block may hold a record that matches.
func (m *match) mayBeIn(b *blockRef) bool {
	const most = 64 // of more texts than this, nearly every block has one
	if m.none || b.last < m.from || b.first > m.to || (m.only != nil && !m.only(b)) || (m.failed && !b.summary.HasFailed()) {
		return false
	}
	for i := range m.texts {
		t := &m.texts[i]
		if len(t.numbers)+len(t.names) > most {
			continue
		}
		some := slices.ContainsFunc(t.names, func(name string) bool {
			return marks.MayHaveText(b.summary, int(t.kind), block.NameNumber(name), m.failed)
		})
		for n := range t.numbers {
			if some = some || marks.MayHaveText(b.summary, int(t.kind), n, m.failed); some {
				break
			}
		}
		if !some {
			return false
		}
	}
	return true
}

// blockSource gives what a block holds, its names only when they are asked for.
type blockSource interface {
	figures() *block.Figures
	names() (*block.Names, error)
}

// rows gives the numbers of the rows of a block that match, ascending. Whole says that all of them are in
// the range of time.
func (m *match) rows(b blockSource, whole bool) ([]int, error) {
	f := b.figures()
	if m.none || !m.inDictionaries(f) {
		return nil, nil
	}
	begin, end := 0, f.Rows()
	if !whole {
		starts := f.Starts()
		begin, _ = slices.BinarySearch(starts, m.from)
		if m.to < math.MaxInt64 {
			end, _ = slices.BinarySearch(starts, m.to+1)
		}
		if begin >= end {
			return nil, nil
		}
	}
	var ok [block.MaxRows]bool
	for i := begin; i < end; i++ {
		ok[i] = true
	}
	keep := func(d *block.Dict, fits func(uint64) bool) {
		var good [block.MaxRows]bool
		all := true
		for i, v := range d.Values {
			good[i] = fits(v)
			all = all && good[i]
		}
		for i := begin; i < end && !all; i++ {
			ok[i] = ok[i] && good[d.At(i)]
		}
	}
	if m.counted {
		keep(f.Dict(block.State), func(s uint64) bool { return s&block.Counted != 0 })
	}
	for i := range m.texts {
		t := &m.texts[i]
		keep(f.Dictionary(int(t.kind)), func(n uint64) bool { return t.has(n, f) })
	}
	if len(m.tiers) > 0 {
		keep(f.Dict(block.Tier), func(n uint64) bool { return slices.Contains(m.tiers, usage.Tier(n)) })
	}
	if m.bySeen {
		for i := begin; i < end; i++ {
			ok[i] = ok[i] && f.Number(block.StoredAt, i) >= m.since
		}
	}
	if len(m.statuses) > 0 {
		for i := begin; i < end; i++ {
			ok[i] = ok[i] && anyStatus(m.statuses, f, i)
		}
	}
	for i := range m.terms {
		if !slices.Contains(ok[begin:end], true) {
			return nil, nil
		}
		found, err := m.terms[i].rows(b, m.dims)
		if err != nil {
			return nil, err
		}
		for j := begin; j < end; j++ {
			ok[j] = ok[j] && found[j] != m.terms[i].not
		}
	}
	var out []int
	for i := begin; i < end; i++ {
		if ok[i] {
			out = append(out, i)
		}
	}
	return out, nil
}

// inDictionaries tells whether a block has a text of each kind that is asked for, which is quickly seen.
func (m *match) inDictionaries(f *block.Figures) bool {
	for i := range m.texts {
		t := &m.texts[i]
		if !slices.ContainsFunc(f.Dictionary(int(t.kind)).Values, func(n uint64) bool { return t.has(n, f) }) {
			return false
		}
	}
	return true
}

func anyStatus(statuses []usage.StatusFilter, f *block.Figures, i int) bool {
	status, failed := int(f.Dict(block.Status).Value(i)), f.Dict(block.State).Value(i)&block.Failed != 0
	for _, s := range statuses {
		if s.Matches(status, failed) {
			return true
		}
	}
	return false
}

// entry tells whether a record that is not in a block yet matches.
func (m *match) entry(e *entry) bool {
	if m.none || e.gone() || e.start < m.from || e.start > m.to {
		return false
	}
	r := e.row.Record
	if (m.counted && !r.Counted) || (m.bySeen && r.StoredAt.Unix() < m.since) {
		return false
	}
	if len(m.tiers) > 0 && !slices.Contains(m.tiers, r.Tier) {
		return false
	}
	for i := range m.texts {
		if !m.texts[i].hasEntry(&e.row) {
			return false
		}
	}
	if len(m.statuses) > 0 && !slices.ContainsFunc(m.statuses, func(s usage.StatusFilter) bool { return s.Matches(r.Status, r.Failed) }) {
		return false
	}
	for i := range m.terms {
		if m.terms[i].entry(&e.row) == m.terms[i].not {
			return false
		}
	}
	return true
}

// textFields are where the shared texts of a search field stand.
var textFields = []struct {
	field string
	kind  kind
	part  int // of those that the kind joins
}{
	{"model", kindModel, 0}, {"model", kindRequest, 1}, {"path", kindRequest, 3}, {"error", kindErrorType, 0}, {"user", kindUser, 0},
	{"service", kindService, 0}, {"provider", kindProvider, 0}, {"key", kindKey, 1}, // no part of a fingerprint is to be found out
	{"project", kindProject, 0}, {"operation", kindRequest, 0}, {"method", kindRequest, 2},
}

// freeFields are where the texts of single records stand.
var freeFields = []struct {
	field string
	which int
}{{"request_id", block.RequestID}, {"request_id", block.ResponseID}, {"session", block.Session}}

// readsNames tells whether it takes the names of a block to find its rows.
func (m *match) readsNames() bool {
	return slices.ContainsFunc(m.terms, func(t term) bool { return len(t.free) > 0 || t.trace || t.span })
}

// term is one term of a search made ready. Any of its parts may be true.
type term struct {
	not         bool
	needle      string // in lower case
	texts       []textMatch
	free        []int // block.RequestID, ...
	trace, span bool  // looks at their digits
	state       func(state uint64) bool
	quality     usage.Quality
	tier        usage.Tier // TierUnknown: it asks for none
	status      usage.StatusFilter
}

func newTerm(t *store.Term, dims dimValues) term {
	out := term{not: t.Not, needle: strings.ToLower(t.Value)}
	asked := func(field string) bool { return t.Field == field || (t.Field == "" && store.Open(field)) }
	for _, d := range textFields {
		if asked(d.field) {
			needle := out.needle
			out.texts = append(out.texts, newTextMatch(d.kind, dims, func(k *dimKey) bool {
				return strings.Contains(strings.ToLower(k.parts()[d.part]), needle)
			}))
		}
	}
	if len(t.Keys) > 0 {
		keys := t.Keys
		out.texts = append(out.texts, newTextMatch(kindKey, dims, func(k *dimKey) bool { return k.a != "" && slices.Contains(keys, k.a) }))
	}
	for _, d := range freeFields {
		if asked(d.field) {
			out.free = append(out.free, d.which)
		}
	}
	digits := strings.Trim(out.needle, "0123456789abcdef") == ""
	out.trace, out.span = digits && asked("trace_id"), digits && asked("span_id")
	switch t.Field {
	case store.FieldNameStatus:
		out.status = usage.ParseStatusFilter(out.needle)
	case store.FieldNameQuality:
		out.quality = usage.ParseQuality([]string{out.needle})
	case store.FieldNameTier:
		out.tier, _ = usage.TierNamed(out.needle)
	case store.FieldNameSuperseded:
		out.state = supersededIs(out.needle)
	}
	return out
}

func supersededIs(s string) func(state uint64) bool {
	reason, known := store.ParseReason(s)
	switch {
	case s == "yes":
		return func(state uint64) bool { return state&block.Counted == 0 }
	case s == "no":
		return func(state uint64) bool { return state&block.Counted != 0 }
	case !known:
		return func(uint64) bool { return false }
	}
	return func(state uint64) bool { return block.ReasonOf(state) == reason }
}

// rows tells of each row of a block whether the term is in it, its negation left out of account.
func (t *term) rows(b blockSource, dims dimValues) (found [block.MaxRows]bool, err error) {
	f := b.figures()
	for i := range t.texts {
		d := f.Dictionary(int(t.texts[i].kind))
		var good [block.MaxRows]bool
		some := false
		for j, n := range d.Values {
			good[j] = t.texts[i].has(n, f)
			some = some || good[j]
		}
		for row := 0; row < f.Rows() && some; row++ {
			found[row] = found[row] || good[d.At(row)]
		}
	}
	for row := range f.Rows() {
		state := f.Dict(block.State).Value(row)
		found[row] = found[row] || (t.state != nil && t.state(state)) ||
			(t.quality != 0 && usage.Quality(f.Dict(block.Quality).Value(row))&t.quality != 0) ||
			(t.tier != usage.TierUnknown && usage.Tier(f.Dict(block.Tier).Value(row)) == t.tier) ||
			t.status.Matches(int(f.Dict(block.Status).Value(row)), state&block.Failed != 0)
	}
	if len(t.free) == 0 && !t.trace && !t.span {
		return found, nil
	}
	names, err := b.names()
	if err != nil {
		return found, err
	}
	for _, which := range t.free {
		if err := names.Search(which, t.needle, func(row int) { found[row] = true }); err != nil {
			return found, err
		}
	}
	for row := 0; row < f.Rows() && (t.trace || t.span); row++ {
		if !found[row] {
			emitter := f.Dictionary(int(kindEmitter)).Value(row)
			trace, span := names.TraceAndSpan(row, dims.signal(emitter, f))
			found[row] = (t.trace && hasDigits(trace, t.needle)) || (t.span && hasDigits(span, t.needle))
		}
	}
	return found, nil
}

// signal gives the signal of an emitter.
func (v dimValues) signal(emitter uint64, f *block.Figures) usage.Signal {
	var c usage.Call
	if k, known := v.at(kindEmitter, emitter, f); known {
		k.set(&c)
	}
	return c.Signal
}

// hasDigits tells whether digits are part of an identifier's.
func hasDigits(id []byte, digits string) bool {
	var room [32]byte
	return len(id) > 0 && bytes.Contains(room[:hex.Encode(room[:], id)], []byte(digits))
}

// entry is rows for a record that is not in a block yet.
func (t *term) entry(row *block.Row) bool {
	for i := range t.texts {
		if t.texts[i].hasEntry(row) {
			return true
		}
	}
	r := row.Record
	if (t.state != nil && t.state(block.StateOf(r))) || r.Quality&t.quality != 0 || (t.tier != usage.TierUnknown && r.Tier == t.tier) ||
		t.status.Matches(r.Status, r.Failed) {
		return true
	}
	for _, which := range t.free {
		if block.ContainsLower(block.FreeText(r, which), t.needle) {
			return true
		}
	}
	return (t.trace && !r.Trace.IsZero() && hasDigits(r.Trace[:], t.needle)) || (t.span && !r.Span.IsZero() && hasDigits(r.Span[:], t.needle))
}
