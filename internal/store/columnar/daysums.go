package columnar

import (
	"context"
	"fmt"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/daysums"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/store/match"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/varint"
)

// Sums by several columns together, such as by model and key, or by model for one key, are summed from records. What that
// gave for the blocks of a whole UTC day is kept in memory, and used as long as the day has the very same blocks: a block
// never changes. So the answer is always that of the records.

// The columns that sums can be by beside the kinds of texts. A set of columns has a bit for each.
const (
	statusColumn = int(dictionary.KindCount) + iota // its value is the code, and in the lowest bit whether the call failed
	tierColumn
	qualityColumn
	columnCount
)

// dayQuery is a question for totals that sums of whole days can answer.
type dayQuery struct {
	totals  *totals
	match   *match.Matcher
	set     uint32 // of columns
	columns []int  // of the set, ascending
	texts   []int  // where the column of each condition on texts is in columns
	lead    int    // the column by which the rows of days are sorted: the last one of texts, which are the most values; -1: none
	seek    int    // the condition on texts by which rows are found; -1: all are looked at
	status  int    // where that column is; -1 where nothing is asked of it
	tier    int
	fields  []int // where the columns of the fields are
	narrow  bool  // not all records are asked for: a day that is summed for it costs more than the question
	build   int   // days that may be summed for it
	tick    int64 // see daysums.Cache
}

// newDayQuery returns nil where sums of days cannot answer a question.
func (s *Reader) newDayQuery(m *match.Matcher, by []store.Field, t *totals) *dayQuery {
	asked := m.Conditions()
	if !asked.Only || len(by) == 0 || slices.Contains(by, store.FieldSession) { // sessions are no column
		return nil
	}
	q := &dayQuery{totals: t, match: m, status: -1, tier: -1, lead: -1, seek: -1, build: 1 << 30, tick: s.days.Next()}
	wanted := make([]int, 0, daysums.MostColumns)
	for _, k := range asked.Kinds {
		wanted = append(wanted, int(k))
	}
	if asked.Status {
		wanted = append(wanted, statusColumn)
	}
	if asked.Tier {
		wanted = append(wanted, tierColumn)
	}
	if len(wanted) > 0 {
		const atATime = 8
		q.narrow, q.build = true, atATime
	}
	for _, g := range t.fields {
		wanted = append(wanted, g.combinedColumn())
	}
	for _, c := range wanted {
		q.set |= 1 << c
	}
	if q.set&(1<<dictionary.KindModel) != 0 { // nearly the same combinations: more questions share one set
		q.set |= 1 << dictionary.KindProvider
	}
	for c := range columnCount {
		if q.set&(1<<c) != 0 {
			q.columns = append(q.columns, c)
		}
	}
	if len(q.columns) > daysums.MostColumns {
		return nil
	}
	q.findTexts(asked.Kinds)
	if asked.Status {
		q.status = slices.Index(q.columns, statusColumn)
	}
	if asked.Tier {
		q.tier = slices.Index(q.columns, tierColumn)
	}
	for _, g := range t.fields {
		q.fields = append(q.fields, slices.Index(q.columns, g.combinedColumn()))
	}
	return q
}

// findTexts finds the columns of the conditions on texts, and the condition by which rows are found.
func (q *dayQuery) findTexts(kinds []dictionary.Kind) {
	for i, c := range q.columns {
		if c < int(dictionary.KindCount) {
			q.lead = i
		}
	}
	for i, k := range kinds {
		at := slices.Index(q.columns, int(k))
		q.texts = append(q.texts, at)
		const few = 64
		if at == q.lead && len(q.match.TextNumbers(i)) <= few {
			q.seek = i
		}
	}
}

func (g *grouping) combinedColumn() int {
	switch {
	case g.status:
		return statusColumn
	case g.name != nil && g.column == block.Tier:
		return tierColumn
	case g.name != nil:
		return qualityColumn
	}
	return int(g.kind)
}

// totals sums the records that match by fields.
func (s *Reader) totals(ctx context.Context, m *match.Matcher, by []store.Field, t *totals) error {
	q := s.newDayQuery(m, by, t)
	if q == nil {
		return s.eachBlock(ctx, m, t.addEntry, t.addBlock)
	}
	const hoursOfDay = 24
	var rest []*hourBlocks
	for hours := s.between(m.From, m.To); len(hours) > 0; {
		n := 1
		for n < len(hours) && hours[n].hour/hoursOfDay == hours[0].hour/hoursOfDay {
			n++
		}
		day := hours[:n]
		hours = hours[n:]
		d, err := s.daySums(ctx, q, day[0].hour/hoursOfDay, day)
		if err != nil {
			return err
		}
		if d == nil {
			rest = append(rest, day...)
			continue
		}
		if err := q.add(d); err != nil {
			return err
		}
	}
	return s.eachOf(ctx, m, rest, t.addEntry, t.addBlock)
}

// daySums returns the sums of the blocks of a day; nil where its records have to be looked at.
func (s *Reader) daySums(ctx context.Context, q *dayQuery, day int64, hours []*hourBlocks) (*daysums.Day, error) {
	ids := make([]uint64, len(hours))
	for i, h := range hours {
		ids[i] = h.id
		if h.blocks[0].First < q.match.From || h.byLast[0].Last > q.match.To || s.hasChanged(h) {
			return nil, nil //nolint:nilnil // as the comment says
		}
	}
	at := daysums.At{Day: day, Columns: q.set}
	known := s.days.Get(at, ids, q.tick)
	switch {
	case known != nil && known.Unfit:
		return nil, nil //nolint:nilnil // likewise
	case known != nil && known.Rows != nil:
		return known, nil
	case known == nil && q.narrow: // who asks for single values may not ask again
		s.days.Put(at, &daysums.Day{Blocks: ids}, q.tick)
		return nil, nil //nolint:nilnil // likewise
	case q.build == 0:
		return nil, nil //nolint:nilnil // likewise
	}
	q.build--
	d, err := s.sumDay(ctx, q, hours)
	if err != nil {
		return nil, err
	}
	d.Blocks = ids
	s.days.Put(at, d, q.tick)
	if d.Unfit {
		return nil, nil //nolint:nilnil // likewise
	}
	return d, nil
}

// hasChanged reports whether the memtable has a later form of a record of an hour's blocks.
func (s *Reader) hasChanged(h *hourBlocks) bool {
	return len(s.changed) > 0 && slices.ContainsFunc(h.blocks, func(b *BlockRef) bool { return s.changed[b.ID] })
}

// daySummer sums a day.
type daySummer struct {
	columns []int
	at      map[daysums.Values]int // in sums
	values  []daysums.Values
	sums    []usage.Counts
	inline  bool // a text has no number
}

// sumDay sums the blocks of a day by all combinations of the values of a query's columns.
func (s *Reader) sumDay(ctx context.Context, q *dayQuery, hours []*hourBlocks) (*daysums.Day, error) {
	b := &daySummer{columns: q.columns, at: map[daysums.Values]int{}}
	err := s.eachIn(ctx, &feed{s: s, m: match.New(&store.Filter{}, s.values), hours: hours, step: mostAhead}, b.addRows)
	if err != nil {
		return nil, err
	}
	records := 0
	for _, h := range hours {
		records += h.records
	}
	const few = 1024
	if b.inline || (len(b.sums) > few && len(b.sums) > records/2) { // they would take as much as the records
		return &daysums.Day{Unfit: true}, nil
	}
	return daysums.Encode(len(b.columns), q.lead, b.values, b.sums), nil
}

func (b *daySummer) addRows(from *lazyBlock, rows []int) error {
	f := from.f
	var dicts [daysums.MostColumns]*block.Dict
	for i, c := range b.columns {
		switch c {
		case statusColumn:
			dicts[i] = f.Dict(block.Status)
		case tierColumn:
			dicts[i] = f.Dict(block.Tier)
		case qualityColumn:
			dicts[i] = f.Dict(block.Quality)
		default:
			dicts[i] = f.Dictionary(c)
			b.inline = b.inline || slices.ContainsFunc(dicts[i].Values, func(n uint64) bool { return n&uint64(block.Inline) != 0 })
		}
	}
	if b.inline {
		return nil
	}
	var call usage.Countable
	for _, row := range rows {
		f.ReadCountable(row, &call)
		var v daysums.Values
		for i, c := range b.columns {
			v[i] = dicts[i].Value(row)
			if c == statusColumn {
				v[i] <<= 1
				if call.Failed {
					v[i] |= 1
				}
			}
		}
		at, known := b.at[v]
		if !known {
			at = len(b.sums)
			b.at[v] = at
			b.values, b.sums = append(b.values, v), append(b.sums, usage.Counts{})
		}
		b.sums[at].AddCountable(&call)
	}
	return nil
}

// add adds the sums of a day that match.
func (q *dayQuery) add(d *daysums.Day) error {
	if q.seek < 0 {
		return q.addRows(d.Rows)
	}
	for n := range q.match.TextNumbers(q.seek) {
		if err := q.addRows(d.Of(n)); err != nil {
			return err
		}
	}
	if q.match.HasText(q.seek, 0) { // records that have no text of the kind
		return q.addRows(d.Of(0))
	}
	return nil
}

func (q *dayQuery) addRows(rows []byte) error {
	r := varint.Reader{B: rows}
	var v daysums.Values
	for len(r.B) > 0 {
		for i := range q.columns {
			v[i] = r.Uvarint()
		}
		row := r.Take(r.Uvarint())
		if !q.matches(&v) {
			continue
		}
		g, err := q.group(&v)
		if err != nil {
			return err
		}
		daysums.MergeCounts(&g.Counts, row)
	}
	return nil
}

func (q *dayQuery) matches(v *daysums.Values) bool {
	for i, at := range q.texts {
		if !q.match.HasText(i, uint32(v[at])) {
			return false
		}
	}
	if q.status >= 0 && !q.match.HasStatus(int(v[q.status]>>1), v[q.status]&1 != 0) {
		return false
	}
	return q.tier < 0 || q.match.HasTier(usage.Tier(v[q.tier]))
}

// group returns the group of the totals that values are in.
func (q *dayQuery) group(v *daysums.Values) (*store.Total, error) {
	t := q.totals
	for i, g := range t.fields {
		n := v[q.fields[i]]
		switch {
		case g.status:
			t.numbers[i] = g.ofStatus(int(n>>1), n&1 != 0)
		case g.name != nil:
			t.numbers[i] = g.number(g.name(n))
		default:
			number, err := g.ofText(uint32(n), t.values, nil) // none is inline
			if err != nil {
				return nil, fmt.Errorf("sum a day: %w", err)
			}
			t.numbers[i] = number
		}
	}
	return t.group(t.numbers)
}
