package columnar

import (
	"fmt"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// kindOf is the kind of text that a field is part of; status, tier and quality are none.
var kindOf = map[store.Field]dictionary.Kind{
	store.FieldModel: dictionary.KindModel, store.FieldProvider: dictionary.KindProvider,
	store.FieldKey: dictionary.KindKey, store.FieldUser: dictionary.KindUser, store.FieldService: dictionary.KindService,
	store.FieldProject: dictionary.KindProject, store.FieldOperation: dictionary.KindRequest,
	store.FieldAccount: dictionary.KindAccount, store.FieldEnvironment: dictionary.KindService,
	store.FieldErrorType: dictionary.KindErrorType, store.FieldEmitter: dictionary.KindEmitter,
}

// columnsOf are the fields that are numbers in a column of their own, with the names of these.
var columnsOf = map[store.Field]struct {
	column block.Column
	name   func(uint64) string
}{
	store.FieldTier:    {block.Tier, func(n uint64) string { return usage.Tier(n).String() }},
	store.FieldQuality: {block.Quality, func(n uint64) string { return store.QualityName(usage.Quality(n)) }},
}

// totals collects the sums of groups.
type totals struct {
	values  dictionary.Values
	fields  []*grouping
	limit   int
	groups  map[string]*store.Total // by the values
	found   map[combination]*store.Total
	numbers []int // of the present record
}

// newTotals begins to sum by fields, in at most limit groups.
func newTotals(values dictionary.Values, by []store.Field, limit int) *totals {
	t := &totals{
		values: values, limit: limit, groups: map[string]*store.Total{}, found: map[combination]*store.Total{},
		numbers: make([]int, len(by)),
	}
	for _, field := range by {
		t.fields = append(t.fields, newGrouping(field))
	}
	return t
}

// all returns the groups, in any order.
func (t *totals) all() []store.Total {
	out := make([]store.Total, 0, len(t.groups))
	for _, g := range t.groups {
		out = append(out, *g)
	}
	return out
}

// combination is the numbers of the values of up to three fields.
type combination [3]int

// grouping numbers the values of a field.
type grouping struct {
	status  bool
	session bool
	column  block.Column        // of a field that is a number
	name    func(uint64) string // of these numbers; nil: the field is a text
	kind    dictionary.Kind
	part    int // of the texts of the kind
	values  []string
	numbers map[string]int // of values
	known   map[uint32]int // the same by number of text
}

func newGrouping(f store.Field) *grouping {
	g := &grouping{
		status: f == store.FieldStatus, session: f == store.FieldSession, column: columnsOf[f].column, name: columnsOf[f].name, kind: kindOf[f],
		numbers: map[string]int{}, known: map[uint32]int{},
	}
	if f == store.FieldEnvironment {
		g.part = 1
	}
	return g
}

func (g *grouping) number(value string) int {
	n, known := g.numbers[value]
	if !known {
		n = len(g.values)
		g.numbers[value] = n
		g.values = append(g.values, value)
	}
	return n
}

// dict returns the dictionary of a field that is neither the status nor the session.
func (g *grouping) dict(f *block.Figures) *block.Dict {
	if g.name != nil {
		return f.Dict(g.column)
	}
	return f.Dictionary(int(g.kind))
}

// ofText returns the number of a text's value: for a key, of its fingerprint; for a request, of its operation.
func (g *grouping) ofText(text uint32, values dictionary.Values, f *block.Figures) (int, error) {
	n, known := g.known[text]
	if !known && text == 0 && g.kind == dictionary.KindAccount { // records without one have no text
		n = g.number("")
		g.known[0], known = n, true
	}
	if !known {
		k, there := values.At(g.kind, uint64(text), f)
		if !there {
			return 0, fmt.Errorf("%w: a record names text %d, which is missing", store.ErrCorrupt, text)
		}
		n = g.number(k.Parts()[g.part])
		if text&block.Inline == 0 {
			g.known[text] = n
		}
	}
	return n, nil
}

// ofStatus returns the number of an outcome.
func (g *grouping) ofStatus(status int, failed bool) int {
	return g.number(store.StatusName(status, failed))
}

// ofRecord returns the number of the value of a record that is in no block yet.
func (g *grouping) ofRecord(r *store.Record) int {
	switch {
	case g.status:
		return g.ofStatus(r.Status, r.Failed)
	case g.session:
		return g.number(r.Session)
	case g.name != nil && g.column == block.Tier:
		return g.number(g.name(uint64(r.Tier)))
	case g.name != nil:
		return g.number(g.name(uint64(r.Quality)))
	}
	k := dictionary.KeyOf(&r.Call, g.kind)
	return g.number(k.Parts()[g.part])
}

func (t *totals) addEntry(e *memEntry) error {
	r := e.row.Record
	numbers := t.numbers
	for i, g := range t.fields {
		numbers[i] = g.ofRecord(r)
	}
	g, err := t.group(numbers)
	if err != nil {
		return err
	}
	g.Add(&r.Call, 1)
	return nil
}

// group returns the group of values, made where it is new.
func (t *totals) group(numbers []int) (*store.Total, error) {
	var c combination
	if len(numbers) > len(c) {
		return t.named(numbers)
	}
	copy(c[:], numbers)
	if g := t.found[c]; g != nil {
		return g, nil
	}
	g, err := t.named(numbers)
	if err == nil {
		t.found[c] = g
	}
	return g, err
}

// named returns the group by the values themselves.
func (t *totals) named(numbers []int) (*store.Total, error) {
	values := make([]string, len(numbers))
	for i, n := range numbers {
		values[i] = t.fields[i].values[n]
	}
	k := strings.Join(values, "\x1f")
	g := t.groups[k]
	if g == nil {
		if len(t.groups) >= t.limit {
			return nil, store.ErrTooMany
		}
		g = &store.Total{Values: values}
		t.groups[k] = g
	}
	return g, nil
}

// addBlock adds rows of a block. Its names are read where sessions are asked for.
func (t *totals) addBlock(b *lazyBlock, rows []int) error {
	var names *block.Names
	for _, g := range t.fields {
		if g.session {
			var err error
			if names, err = b.Names(); err != nil {
				return err
			}
		}
	}
	return t.addRows(b.f, names, rows)
}

// valuesIn returns the number of each value of each field's dictionary in a block.
func (t *totals) valuesIn(f *block.Figures) ([][]int, error) {
	at := make([][]int, len(t.fields))
	for i, g := range t.fields {
		if g.status || g.session {
			continue
		}
		d := g.dict(f)
		at[i] = make([]int, len(d.Values))
		for j, text := range d.Values {
			if g.name != nil {
				at[i][j] = g.number(g.name(text))
				continue
			}
			n, err := g.ofText(uint32(text), t.values, f)
			if err != nil {
				return nil, err
			}
			at[i][j] = n
		}
	}
	return at, nil
}

func (t *totals) addRows(f *block.Figures, names *block.Names, rows []int) error {
	at, err := t.valuesIn(f)
	if err != nil {
		return err
	}
	numbers := t.numbers
	var call usage.Countable
	for _, row := range rows {
		f.ReadCountable(row, &call)
		for i, g := range t.fields {
			switch {
			case g.status:
				numbers[i] = g.ofStatus(int(f.Dict(block.Status).Value(row)), call.Failed)
			case g.session:
				session, err := names.Text(block.Session, row)
				if err != nil {
					return err
				}
				numbers[i] = g.number(strings.Clone(session)) // not a part of the block's texts
			default:
				numbers[i] = at[i][g.dict(f).At(row)]
			}
		}
		g, err := t.group(numbers)
		if err != nil {
			return err
		}
		g.AddCountable(&call)
	}
	return nil
}
