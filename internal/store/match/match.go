package match

import (
	"math"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Matcher is a filter prepared for the texts of one moment.
type Matcher struct {
	From, To int64 // Unix ns, both included
	None     bool  // matches nothing
	// Summary excludes blocks by their summaries; nil: none.
	Summary func(block.Summary) bool

	counted  bool  // leaves out what does not count
	failed   bool  // leaves out what did not fail: checked for whole blocks, statuses check rows
	since    int64 // Unix s
	bySince  bool  // leaves out what was stored before since
	texts    []textMatch
	members  []textMatch // of which a record fulfils one at least; nil: any record does
	statuses []store.StatusMatch
	tiers    []usage.Tier    // of which a record has one; nil: any
	quality  []usage.Quality // all flags of a record together, of which it has one; nil: any
	sessions []string        // of which a record has one; nil: any
	terms    []term
	values   dictionary.Values
}

// textMatch asks for one of some texts of a kind.
type textMatch struct {
	kind    dictionary.Kind
	numbers map[uint32]bool
	fulfils func(*dictionary.Key) bool // the condition of these texts, and of those that blocks keep inline
	names   []string                   // the names that are asked for, where it is whole names
	part    bool                       // it asks for a part of the texts: the summaries of blocks do not have it
}

func newTextMatch(of dictionary.Kind, values dictionary.Values, fulfils func(*dictionary.Key) bool) textMatch {
	return textMatch{kind: of, numbers: values.Match(of, fulfils), fulfils: fulfils}
}

// has reports whether a text of a block is one of those.
func (t *textMatch) has(number uint64, f *block.Figures) bool {
	if text, inline := f.InlineText(number); inline {
		k := dictionary.ParseKey(t.kind, text)
		return t.fulfils(&k)
	}
	if number == 0 {
		return t.fulfilsNone()
	}
	return t.numbers[uint32(number)]
}

// hasRow reports whether the text of a record that is not in a block yet is one of those.
func (t *textMatch) hasRow(row *block.Row) bool {
	n := row.IDs[t.kind]
	if n&block.Inline != 0 {
		k := dictionary.KeyOf(&row.Record.Call, t.kind)
		return t.fulfils(&k)
	}
	if n == 0 {
		return t.fulfilsNone()
	}
	return t.numbers[n]
}

// fulfilsNone reports whether records that have no text of the kind, which of some kinds have no number, are asked for.
func (t *textMatch) fulfilsNone() bool {
	none := dictionary.ParseKey(t.kind, "")
	return t.fulfils(&none)
}

// Everything matches every record that starts in a range of Unix ns, both ends included.
func Everything(from, to int64) *Matcher { return &Matcher{From: from, To: to} }

// New prepares a filter for the texts of one moment.
func New(f *store.Filter, values dictionary.Values) *Matcher {
	m := &Matcher{From: math.MinInt64, To: math.MaxInt64, None: f.None, counted: !f.Superseded, values: values}
	if !f.From.IsZero() {
		m.From = store.UnixNano(f.From)
	}
	if !f.To.IsZero() {
		m.To = store.UnixNano(f.To)
		m.None = m.None || m.To == math.MinInt64
		m.To--
	}
	if !f.StoredSince.IsZero() {
		m.bySince, m.since = true, f.StoredSince.Unix()
	}
	for _, d := range []struct {
		kind   dictionary.Kind
		values []string
	}{
		{dictionary.KindModel, f.Models}, {dictionary.KindProvider, f.Providers}, {dictionary.KindKey, f.Keys},
		{dictionary.KindUser, f.Users}, {dictionary.KindService, f.Services}, {dictionary.KindProject, f.Projects},
		{dictionary.KindAccount, f.Accounts}, {dictionary.KindRequest, f.Operations}, {dictionary.KindErrorType, f.ErrorTypes},
		{dictionary.KindEmitter, f.Emitters},
	} {
		if len(d.values) > 0 {
			t := newTextMatch(d.kind, values, func(k *dictionary.Key) bool { return slices.Contains(d.values, k.Name()) })
			t.names = d.values
			m.texts = append(m.texts, t)
		}
	}
	if len(f.Environments) > 0 {
		t := newTextMatch(dictionary.KindService, values, func(k *dictionary.Key) bool { return slices.Contains(f.Environments, k.Parts()[1]) })
		t.part = true
		m.texts = append(m.texts, t)
	}
	m.sessions = f.Sessions
	if f.Any != nil {
		m.anyOf(f.Any, values)
	}
	for _, s := range f.Statuses {
		m.statuses = append(m.statuses, store.ParseStatus(s))
	}
	m.failed = len(f.Statuses) > 0 && !slices.ContainsFunc(f.Statuses, func(s string) bool { return s != "error" })
	for _, name := range f.Tiers {
		if t, known := usage.TierNamed(name); known {
			m.tiers = append(m.tiers, t)
		}
	}
	m.None = m.None || (len(f.Tiers) > 0 && len(m.tiers) == 0)
	for _, name := range f.Qualities {
		if q, known := store.ParseQualityName(name); known {
			m.quality = append(m.quality, q)
		}
	}
	m.None = m.None || (len(f.Qualities) > 0 && len(m.quality) == 0)
	for i := range f.Text {
		m.terms = append(m.terms, newTerm(&f.Text[i], values))
	}
	return m
}

// anyOf asks for one of some members. There may be thousands of them.
func (m *Matcher) anyOf(of *store.AnyOf, values dictionary.Values) {
	for _, d := range []struct {
		kind   dictionary.Kind
		values []string
	}{{dictionary.KindKey, of.Keys}, {dictionary.KindUser, of.Users}, {dictionary.KindProject, of.Projects}} {
		if len(d.values) == 0 {
			continue
		}
		among := make(map[string]bool, len(d.values))
		for _, v := range d.values {
			among[v] = true
		}
		t := newTextMatch(d.kind, values, func(k *dictionary.Key) bool { return among[k.Name()] })
		t.names = d.values
		m.members = append(m.members, t)
	}
	m.None = m.None || len(m.members) == 0
}

// MayBeIn reports whether a block may hold a record that matches. first and last are the starts of its first and its
// last record.
func (m *Matcher) MayBeIn(first, last int64, s block.Summary) bool {
	if m.None || last < m.From || first > m.To || (m.Summary != nil && !m.Summary(s)) || (m.failed && !s.HasFailed()) {
		return false
	}
	for i := range m.texts {
		if !m.mayHave(&m.texts[i], s) {
			return false
		}
	}
	some := len(m.members) == 0
	for i := 0; i < len(m.members) && !some; i++ {
		some = m.mayHave(&m.members[i], s)
	}
	return some
}

// mayHave reports whether a block may have one of some texts.
func (m *Matcher) mayHave(t *textMatch, s block.Summary) bool {
	const most = 64 // of more texts than this, nearly every block has one
	if t.part || len(t.numbers)+len(t.names) > most {
		return true
	}
	some := slices.ContainsFunc(t.names, func(name string) bool {
		return dictionary.SummaryBits.MayHaveText(s, int(t.kind), block.NameNumber(name), m.failed)
	})
	for n := range t.numbers {
		if some = some || dictionary.SummaryBits.MayHaveText(s, int(t.kind), n, m.failed); some {
			break
		}
	}
	return some
}

// Block is a block that is read when its parts are asked for.
type Block interface {
	Figures() *block.Figures
	Names() (*block.Names, error)
}

// rowSet is which rows of a block are left over, between begin and end.
type rowSet struct {
	ok         [block.MaxRows]bool
	begin, end int
}

// keep keeps the rows whose value in a dictionary column fits.
func (s *rowSet) keep(d *block.Dict, fits func(uint64) bool) {
	var good [block.MaxRows]bool
	all := true
	for i, v := range d.Values {
		good[i] = fits(v)
		all = all && good[i]
	}
	for i := s.begin; i < s.end && !all; i++ {
		s.ok[i] = s.ok[i] && good[d.At(i)]
	}
}

// keepAny keeps the rows that have one of some texts at least.
func (s *rowSet) keepAny(members []textMatch, f *block.Figures) {
	var has [block.MaxRows]bool
	for i := range members {
		t := &members[i]
		d := f.Dictionary(int(t.kind))
		var good [block.MaxRows]bool
		for j, v := range d.Values {
			good[j] = t.has(v, f)
		}
		for j := s.begin; j < s.end; j++ {
			has[j] = has[j] || good[d.At(j)]
		}
	}
	for i := s.begin; i < s.end; i++ {
		s.ok[i] = s.ok[i] && has[i]
	}
}

// Rows returns the numbers of the rows of a block that match, ascending. whole says that all of them are in
// the range of time.
func (m *Matcher) Rows(b Block, whole bool) ([]int, error) {
	f := b.Figures()
	if m.None || !m.inDictionaries(f) {
		return nil, nil
	}
	s := rowSet{end: f.Rows()}
	if !whole {
		starts := f.Starts()
		s.begin, _ = slices.BinarySearch(starts, m.From)
		if m.To < math.MaxInt64 {
			s.end, _ = slices.BinarySearch(starts, m.To+1)
		}
		if s.begin >= s.end {
			return nil, nil
		}
	}
	for i := s.begin; i < s.end; i++ {
		s.ok[i] = true
	}
	m.keepFigures(f, &s)
	if err := m.keepSessions(b, &s); err != nil {
		return nil, err
	}
	for i := range m.terms {
		if !slices.Contains(s.ok[s.begin:s.end], true) {
			return nil, nil
		}
		found, err := m.terms[i].rows(b, m.values)
		if err != nil {
			return nil, err
		}
		for j := s.begin; j < s.end; j++ {
			s.ok[j] = s.ok[j] && found[j] != m.terms[i].not
		}
	}
	var out []int
	for i := s.begin; i < s.end; i++ {
		if s.ok[i] {
			out = append(out, i)
		}
	}
	return out, nil
}

// keepFigures keeps the rows that match apart from the terms of a text search.
func (m *Matcher) keepFigures(f *block.Figures, s *rowSet) {
	if m.counted {
		s.keep(f.Dict(block.State), func(state uint64) bool { return state&block.Counted != 0 })
	}
	for i := range m.texts {
		t := &m.texts[i]
		s.keep(f.Dictionary(int(t.kind)), func(n uint64) bool { return t.has(n, f) })
	}
	if len(m.members) > 0 {
		s.keepAny(m.members, f)
	}
	if len(m.tiers) > 0 {
		s.keep(f.Dict(block.Tier), func(n uint64) bool { return slices.Contains(m.tiers, usage.Tier(n)) })
	}
	if len(m.quality) > 0 {
		s.keep(f.Dict(block.Quality), func(n uint64) bool { return slices.Contains(m.quality, usage.Quality(n)) })
	}
	if m.bySince {
		for i := s.begin; i < s.end; i++ {
			s.ok[i] = s.ok[i] && f.Number(block.StoredAt, i) >= m.since
		}
	}
	if len(m.statuses) > 0 {
		for i := s.begin; i < s.end; i++ {
			s.ok[i] = s.ok[i] && anyStatus(m.statuses, f, i)
		}
	}
}

// keepSessions keeps the rows of the sessions that are asked for. It reads the names of a block where rows are left over only.
func (m *Matcher) keepSessions(b Block, s *rowSet) error {
	if len(m.sessions) == 0 || !slices.Contains(s.ok[s.begin:s.end], true) {
		return nil
	}
	names, err := b.Names()
	if err != nil {
		return err
	}
	for i := s.begin; i < s.end; i++ {
		if !s.ok[i] {
			continue
		}
		session, err := names.Text(block.Session, i)
		if err != nil {
			return err
		}
		s.ok[i] = slices.Contains(m.sessions, session)
	}
	return nil
}

// inDictionaries reports whether a block has a text of each kind that is asked for, which is cheap to find out.
func (m *Matcher) inDictionaries(f *block.Figures) bool {
	has := func(t *textMatch) bool {
		return slices.ContainsFunc(f.Dictionary(int(t.kind)).Values, func(n uint64) bool { return t.has(n, f) })
	}
	for i := range m.texts {
		if !has(&m.texts[i]) {
			return false
		}
	}
	some := len(m.members) == 0
	for i := 0; i < len(m.members) && !some; i++ {
		some = has(&m.members[i])
	}
	return some
}

func anyStatus(statuses []store.StatusMatch, f *block.Figures, i int) bool {
	status, failed := int(f.Dict(block.Status).Value(i)), f.Dict(block.State).Value(i)&block.Failed != 0
	for _, s := range statuses {
		if s(status, failed) {
			return true
		}
	}
	return false
}

// Row reports whether a record that is not in a block yet matches. start is when it starts, in Unix ns.
func (m *Matcher) Row(start int64, row *block.Row) bool {
	if m.None || start < m.From || start > m.To {
		return false
	}
	r := row.Record
	if (m.counted && !r.Counted) || (m.bySince && r.StoredAt.Unix() < m.since) {
		return false
	}
	if len(m.tiers) > 0 && !slices.Contains(m.tiers, r.Tier) {
		return false
	}
	if (len(m.quality) > 0 && !slices.Contains(m.quality, r.Quality)) || (len(m.sessions) > 0 && !slices.Contains(m.sessions, r.Session)) {
		return false
	}
	for i := range m.texts {
		if !m.texts[i].hasRow(row) {
			return false
		}
	}
	some := len(m.members) == 0
	for i := 0; i < len(m.members) && !some; i++ {
		some = m.members[i].hasRow(row)
	}
	if !some {
		return false
	}
	if len(m.statuses) > 0 && !slices.ContainsFunc(m.statuses, func(s store.StatusMatch) bool { return s(r.Status, r.Failed) }) {
		return false
	}
	for i := range m.terms {
		if m.terms[i].row(row) == m.terms[i].not {
			return false
		}
	}
	return true
}

// ReadsNames reports whether Rows reads the names of a block.
func (m *Matcher) ReadsNames() bool {
	return len(m.sessions) > 0 || slices.ContainsFunc(m.terms, func(t term) bool { return len(t.free) > 0 || t.trace || t.span })
}
