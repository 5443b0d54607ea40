package columnar

import (
	"bytes"
	"cmp"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Place is the position of a record in the order of all records: by start, then by id.
type Place struct {
	Start int64 // Unix ns
	ID    usage.ID
}

// earliestYear and latestYear bound the starts that records can have: Unix ns in 63 bits.
const earliestYear, latestYear = 1970, 2261

var errStart = errors.New("a record's start does not fit into the database (years 1970 to 2261)")

// PlaceOf returns the place of a stored record.
func PlaceOf(r *store.Record) Place { return Place{Start: r.Start.UnixNano(), ID: r.ID} }

// PlaceAt returns the place of an identity and a start; false where no record can have it.
func PlaceAt(id usage.ID, start time.Time) (Place, bool) {
	year := start.UTC().Year()
	if year < earliestYear || year > latestYear || start.UnixNano() <= 0 {
		return Place{}, false
	}
	return Place{start.UnixNano(), id}, true
}

func (p *Place) compare(o *Place) int {
	if p.Start != o.Start {
		return cmp.Compare(p.Start, o.Start)
	}
	return bytes.Compare(p.ID[:], o.ID[:])
}
