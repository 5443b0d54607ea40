package block

// The versions of figures.
const (
	versionInline         = 2 // with inline texts
	versionTiers          = 3 // with the column Tier
	versionTiersInline    = 4 // with both
	versionAccounts       = 5 // with the columns Tier and account
	versionAccountsInline = 6 // with all of them
)

// layout is which of the parts that not every block has there are. The version byte names it. Where there are accounts,
// there are tiers.
type layout struct{ accounts, tiers, inline bool }

func (l layout) version() byte {
	switch {
	case l.accounts && l.inline:
		return versionAccountsInline
	case l.accounts:
		return versionAccounts
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
	for _, l := range [...]layout{
		{}, {inline: true}, {tiers: true}, {tiers: true, inline: true}, {accounts: true, tiers: true}, {accounts: true, tiers: true, inline: true},
	} {
		if l.version() == b {
			return l, true
		}
	}
	return layout{}, false
}

// offsetAt returns where the offset of a column is; 0 where there is no such column.
func (l layout) offsetAt(c Column) int {
	const first = 2 // after the version and the number of rows
	at := first + 2*int(c)
	for _, part := range [...]struct {
		column Column
		there  bool
	}{{account, l.accounts}, {Tier, l.tiers}} {
		switch {
		case part.there:
		case c == part.column:
			return 0
		case c > part.column:
			at -= 2
		}
	}
	return at
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

// absent is the dictionary of a column that a block does not have: usage.TierUnknown, or no account.
var absent = []uint64{0}
