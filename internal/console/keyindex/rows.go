package keyindex

import (
	"strings"

	"github.com/tokenboard/tokenboard/internal/ledger"
)

// ByID returns rows with the ids of keys instead of their fingerprints, and adds up the rows of one key: a rotated key
// has several fingerprints.
func (x *Index) ByID(rows []ledger.Row, place int) []ledger.Row {
	at := make(map[string]int, len(rows))
	out := rows[:0]
	for _, r := range rows {
		r.Values[place] = x.ID(r.Values[place])
		k := strings.Join(r.Values, "\x1f")
		n, known := at[k]
		if !known {
			at[k] = len(out)
			out = append(out, r)
			continue
		}
		out[n].MergeCounts(&r.Sums)
	}
	return out
}
