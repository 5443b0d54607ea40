package stats

import (
	"cmp"
	"slices"

	"github.com/tokenboard/tokenboard/internal/ledger"
)

// Ranking is the largest values of a breakdown's dimensions. It is worked out over all rows, whatever
// page of them is shown: a value whose calls spread over many small rows can be the largest.
type Ranking struct {
	RankBy string         `json:"rank_by" doc:"the sum that they are the largest by"`
	Values []RankedValue  `json:"values" doc:"the largest values of the first dimension, largest first"`
	Count  int            `json:"value_count" doc:"values of the first dimension, those of other included"`
	Other  *Measured      `json:"other" doc:"of the values of the first dimension beyond these, of teams with a call once for each of them; null where there are none"`
	Parts  []BreakdownRow `json:"parts" doc:"the largest values of the second dimension, largest first; empty where there is one dimension"`
}

// RankedValue is one value of the first dimension.
type RankedValue struct {
	BreakdownRow
	Parts []BreakdownRow `json:"parts" doc:"of the ranking's parts those that the value has, in their order"`
	Other *Measured      `json:"other" doc:"of the values of the second dimension beyond these; null where there are none"`
}

// ranked is one value with its sums.
type ranked struct {
	value string
	ledger.Sums
}

// largest sums rows by the values of one of their dimensions, and returns the n with the largest sum first,
// and all.
func largest(rows []ledger.Row, place, n int, key func(*ledger.Sums) int64) (top, all []*ranked) {
	at := map[string]*ranked{}
	for i := range rows {
		value := rows[i].Values[place]
		r := at[value]
		if r == nil {
			r = &ranked{value: value}
			at[value] = r
			all = append(all, r)
		}
		r.Merge(&rows[i].Sums)
	}
	slices.SortFunc(all, func(a, b *ranked) int {
		return cmp.Or(cmp.Compare(key(&b.Sums), key(&a.Sums)), cmp.Compare(a.value, b.value))
	})
	return all[:min(n, len(all))], all
}

// rowsOf returns the rows whose sums by one of the dimensions have each call once.
func (o *orderedRows) rowsOf(place int) []ledger.Row {
	if o.once != nil && o.by[place] != ledger.ByTeam {
		return o.once
	}
	return o.rows
}

// ranking returns the largest values by a sum.
func (o *orderedRows) ranking(rankBy string, most, mostParts int) *Ranking {
	top, all := largest(o.rowsOf(0), 0, most, measures[rankBy].key)
	out := &Ranking{RankBy: rankBy, Values: make([]RankedValue, len(top)), Count: len(all), Parts: []BreakdownRow{}}
	if len(all) > len(top) {
		var other ledger.Sums
		for _, r := range all[len(top):] {
			other.Merge(&r.Sums)
		}
		sums := measuredOf(&other, o.times)
		out.Other = &sums
	}
	valueAt := make(map[string]int, len(top))
	for i, r := range top {
		valueAt[r.value] = i
		out.Values[i] = RankedValue{BreakdownRow: o.single(0, r), Parts: []BreakdownRow{}}
	}
	o.compareRanking(out, top, valueAt)
	if len(o.by) == 2 {
		o.divide(out, valueAt, mostParts, measures[rankBy].key)
	}
	return out
}

// compareRanking fills in what a ranking's values were in the other range, if there is one.
func (o *orderedRows) compareRanking(out *Ranking, top []*ranked, valueAt map[string]int) {
	if o.compared == nil {
		return
	}
	before := make([]ledger.Sums, len(top))
	for i := range o.compared.was {
		if v, shown := valueAt[o.compared.was[i].Values[0]]; shown {
			before[v].Merge(&o.compared.was[i].Sums)
		}
	}
	for i, r := range top {
		out.Values[i].Compared = o.compared.between(&r.Sums, &before[i])
	}
}

// divide fills in the parts of a ranking's values.
func (o *orderedRows) divide(out *Ranking, valueAt map[string]int, most int, key func(*ledger.Sums) int64) {
	top, _ := largest(o.rowsOf(1), 1, most, key)
	partAt := make(map[string]int, len(top))
	for i, r := range top {
		partAt[r.value] = i
		out.Parts = append(out.Parts, o.single(1, r))
	}
	parts := make([][]*ranked, len(out.Values))
	others := make([]*ledger.Sums, len(out.Values))
	for i := range o.rows {
		row := &o.rows[i]
		v, shown := valueAt[row.Values[0]]
		if !shown {
			continue
		}
		p, shown := partAt[row.Values[1]]
		if !shown {
			if others[v] == nil {
				others[v] = &ledger.Sums{}
			}
			others[v].Merge(&row.Sums)
			continue
		}
		if parts[v] == nil {
			parts[v] = make([]*ranked, len(top))
		}
		parts[v][p] = &ranked{row.Values[1], row.Sums}
	}
	for v := range out.Values {
		for _, r := range parts[v] {
			if r != nil {
				out.Values[v].Parts = append(out.Values[v].Parts, o.single(1, r))
			}
		}
		if others[v] != nil {
			sums := measuredOf(others[v], o.times)
			out.Values[v].Other = &sums
		}
	}
}

// single returns one value of one dimension as the API shows it.
func (o *orderedRows) single(place int, r *ranked) BreakdownRow {
	out := BreakdownRow{Measured: measuredOf(&r.Sums, o.times)}
	out.set(o.by[place], r.value, o.shown)
	return out
}
