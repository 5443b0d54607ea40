package block

import "github.com/tokenboard/tokenboard/internal/usage"

// The versions of figures.
const (
	versionInline      = 2 // with inline texts
	versionTiers       = 3 // with the column Tier
	versionTiersInline = 4 // with both
)

// layout is which of the parts that not every block has there are. The version byte names it.
type layout struct{ tiers, inline bool }

func (l layout) version() byte {
	switch {
	case l.tiers && l.inline:
		return versionTiersInline
	case l.tiers:
		return versionTiers
	case l.inline:
		return versionInline
	}
	return version
}

// layoutOf returns the layout of a version; false where the version is not known.
func layoutOf(b byte) (layout, bool) {
	for _, l := range [...]layout{{}, {inline: true}, {tiers: true}, {tiers: true, inline: true}} {
		if l.version() == b {
			return l, true
		}
	}
	return layout{}, false
}

// offsetAt returns where the offset of a column is; 0 where there is no such column.
func (l layout) offsetAt(c Column) int {
	const first = 2 // after the version and the number of rows
	switch {
	case l.tiers || c < Tier:
		return first + 2*int(c)
	case c == Tier:
		return 0
	}
	return first + 2*int(c-1)
}

// inlineAt returns where the offset of the inline texts is, if there are some.
func (l layout) inlineAt() int { return l.offsetAt(columns) }

// columnsAt returns where the columns begin.
func (l layout) columnsAt() int {
	if l.inline {
		return l.inlineAt() + 2
	}
	return l.inlineAt()
}

// noTier is the dictionary of the column Tier where a block has none.
var noTier = []uint64{uint64(usage.TierUnknown)}
