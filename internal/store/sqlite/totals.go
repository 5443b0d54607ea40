package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// kindOf is the kind of text that a field is; status and tier are none.
var kindOf = map[store.Field]kind{
	store.FieldModel: kindModel, store.FieldProvider: kindProvider, store.FieldKey: kindKey, store.FieldUser: kindUser,
	store.FieldService: kindService, store.FieldProject: kindProject, store.FieldOperation: kindRequest,
}

// Totals sums by fields, a block at a time.
func (e *Engine) Totals(ctx context.Context, f store.Filter, by []store.Field, limit int) (out []store.Total, err error) {
	f.Superseded = false
	err = e.reading(ctx, func(s *snapshot) error {
		t := &totals{dims: s.dims, limit: limit, groups: map[string]*store.Total{}, found: map[combination]*store.Total{}}
		for _, field := range by {
			t.fields = append(t.fields, newGrouping(field))
		}
		t.numbers = make([]int, len(by))
		if err := s.each(ctx, newMatch(&f, s.dims), t.addEntry, t.addRows); err != nil {
			return err
		}
		out = make([]store.Total, 0, len(t.groups))
		for _, g := range t.groups {
			out = append(out, *g)
		}
		return nil
	})
	return out, err
}

// totals collects the sums of groups.
type totals struct {
	dims    dimValues
	fields  []*grouping
	limit   int
	groups  map[string]*store.Total // by the values
	found   map[combination]*store.Total
	numbers []int // of the record at hand
}

// combination is the numbers of the values of up to two fields.
type combination [2]int

// grouping tells the values of a field apart, by small numbers.
type grouping struct {
	status  bool
	tier    bool
	kind    kind
	values  []string
	numbers map[string]int // of values
	known   map[uint32]int // the same by number of text
}

func newGrouping(f store.Field) *grouping {
	return &grouping{status: f == store.FieldStatus, tier: f == store.FieldTier, kind: kindOf[f], numbers: map[string]int{}, known: map[uint32]int{}}
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

// column gives the dictionary of a field that is not the status.
func (g *grouping) column(f *block.Figures) *block.Dict {
	if g.tier {
		return f.Dict(block.Tier)
	}
	return f.Dictionary(int(g.kind))
}

// ofText gives the number of the value that a text has: of a key, its fingerprint; of a request, its operation.
func (g *grouping) ofText(text uint32, dims dimValues, f *block.Figures) (int, error) {
	n, known := g.known[text]
	if !known {
		k, there := dims.at(g.kind, uint64(text), f)
		if !there {
			return 0, fmt.Errorf("%w: a record names text %d, which is not there", store.ErrCorrupt, text)
		}
		n = g.number(k.a)
		if text&block.Inline == 0 {
			g.known[text] = n
		}
	}
	return n, nil
}

// ofStatus gives the number of an outcome: the HTTP status code where it is known.
func (g *grouping) ofStatus(status int, failed bool) int {
	switch {
	case status > 0:
		return g.number(strconv.Itoa(status))
	case failed:
		return g.number("error")
	}
	return g.number("ok")
}

func (t *totals) addEntry(e *entry) error {
	r := e.row.Record
	numbers := t.numbers
	for i, g := range t.fields {
		switch {
		case g.status:
			numbers[i] = g.ofStatus(r.Status, r.Failed)
		case g.tier:
			numbers[i] = g.number(r.Tier.String())
		default:
			numbers[i] = g.number(dimKeyIn(&r.Call, g.kind).a)
		}
	}
	g, err := t.group(numbers)
	if err != nil {
		return err
	}
	g.Add(&r.Call, 1)
	return nil
}

// group gives the group of values, made where it is new.
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

// named is group by the values themselves.
func (t *totals) named(numbers []int) (*store.Total, error) {
	values := make([]string, len(numbers))
	for i, n := range numbers {
		values[i] = t.fields[i].values[n]
	}
	k := strings.Join(values, sep)
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

// addRows adds rows of a block.
func (t *totals) addRows(f *block.Figures, rows []int) error {
	at := make([][]int, len(t.fields)) // the number of each value of a field's dictionary
	for i, g := range t.fields {
		if g.status {
			continue
		}
		d := g.column(f)
		at[i] = make([]int, len(d.Values))
		for j, text := range d.Values {
			if g.tier {
				at[i][j] = g.number(usage.Tier(text).String())
				continue
			}
			n, err := g.ofText(uint32(text), t.dims, f)
			if err != nil {
				return err
			}
			at[i][j] = n
		}
	}
	quality, fields := f.Dict(block.Quality), f.Dict(block.Fields)
	numbers := t.numbers
	for _, row := range rows {
		failed := f.Dict(block.State).Value(row)&block.Failed != 0
		for i, g := range t.fields {
			if g.status {
				numbers[i] = g.ofStatus(int(f.Dict(block.Status).Value(row)), failed)
			} else {
				numbers[i] = at[i][g.column(f).At(row)]
			}
		}
		g, err := t.group(numbers)
		if err != nil {
			return err
		}
		g.AddCountable(&usage.Countable{
			Tokens: usage.Tokens{
				InputUncached: f.Number(block.InputUncached, row), CacheRead: f.Number(block.CacheRead, row), CacheWrite: f.Number(block.CacheWrite, row),
				CacheWrite1h: f.Number(block.CacheWrite1h, row), OutputText: f.Number(block.OutputText, row), Reasoning: f.Number(block.Reasoning, row),
				Fields: usage.TokenFields(fields.Value(row)),
			},
			Cost: usage.NanoUSD(f.Number(block.Cost, row)), Quality: usage.Quality(quality.Value(row)), Failed: failed,
		})
	}
	return nil
}
