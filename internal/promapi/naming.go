package promapi

import (
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
)

// labelNames are the labels of counter series, in the order of callseries.Labels.
var labelNames = [callseries.LabelCount]string{"provider", "model", "service", "key", "status"}

// naming finds the series of /metrics that calls are counted in. It is for one query.
type naming struct {
	used    [callseries.LabelCount]bool
	series  map[callseries.Labels]ledger.Sums // the series that there are
	models  map[callseries.Model]bool
	other   callseries.Labels // the labels of what is beyond the limit
	keyName func(fingerprint string) string
}

func newNaming(l cube.Ledger, keyName func(string) string) *naming {
	n := &naming{keyName: keyName}
	n.series, n.models = l.Counters()
	for _, label := range l.SeriesLabels() {
		n.used[label] = true
		n.other[label] = cube.Overflow
	}
	return n
}

// usedOf returns the labels that series have.
func (n *naming) usedOf(raw callseries.Labels) callseries.Labels {
	for i, used := range n.used {
		if !used {
			raw[i] = ""
		}
	}
	return raw
}

// overflows reports whether there is a series of what is beyond the limit.
func (n *naming) overflows() bool {
	_, full := n.series[n.other]
	return full
}

// counted returns what series have counted ever, of some keys, nil being all; false where that is not known.
func (n *naming) counted(keys []string) (map[callseries.Labels]ledger.Sums, bool) {
	if keys == nil {
		return n.series, true
	}
	if !n.used[callseries.LabelKey] || n.overflows() {
		return nil, false // whose calls they were is not known
	}
	own := map[callseries.Labels]ledger.Sums{}
	for l, sums := range n.series {
		if slices.Contains(keys, l[callseries.LabelKey]) {
			own[l] = sums
		}
	}
	return own, true
}

// seriesOf returns the labels of the series that counts calls with some labels, with a key's fingerprint.
func (n *naming) seriesOf(raw callseries.Labels) callseries.Labels {
	raw = n.usedOf(raw)
	if _, own := n.series[raw]; own {
		return raw
	}
	if _, full := n.series[n.other]; full {
		return n.other
	}
	return raw
}

// modelOf returns the provider and the model that a call's times are counted for.
func (n *naming) modelOf(raw callseries.Labels) callseries.Labels {
	m := callseries.Model{Model: raw[callseries.LabelModel], Provider: raw[callseries.LabelProvider]}
	if other := (callseries.Model{Model: cube.Overflow, Provider: cube.Overflow}); !n.models[m] && n.models[other] {
		m = other
	}
	return callseries.Labels{callseries.LabelProvider: clean(m.Provider), callseries.LabelModel: clean(m.Model)}
}

// shown returns labels as they are shown: keys by name, and nothing that is not UTF-8.
func (n *naming) shown(l callseries.Labels) callseries.Labels {
	if fingerprint := l[callseries.LabelKey]; fingerprint != "" && l != n.other {
		l[callseries.LabelKey] = n.keyName(fingerprint)
	}
	for i := range l {
		l[i] = clean(l[i])
	}
	return l
}

func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
