package promapi

import (
	"strings"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	"github.com/tokenboard/tokenboard/internal/rollup"
)

// labelNames are the labels of counter series, in the order of rollup.Labels.
var labelNames = [rollup.LabelCount]string{"provider", "model", "service", "key", "status"}

// naming finds the series of /metrics that calls are counted in. It is for one query.
type naming struct {
	used    [rollup.LabelCount]bool
	series  map[rollup.Labels]ledger.Sums // the series that there are
	models  map[rollup.Value]bool
	other   rollup.Labels // the labels of what is beyond the limit
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

// seriesOf returns the labels of the series that counts calls with some labels, with a key's fingerprint.
func (n *naming) seriesOf(raw rollup.Labels) rollup.Labels {
	for i, used := range n.used {
		if !used {
			raw[i] = ""
		}
	}
	if _, own := n.series[raw]; own {
		return raw
	}
	if _, full := n.series[n.other]; full {
		return n.other
	}
	return raw
}

// modelOf returns the provider and the model that a call's times are counted for.
func (n *naming) modelOf(raw rollup.Labels) rollup.Labels {
	m := rollup.Value{Value: raw[rollup.LabelModel], Provider: raw[rollup.LabelProvider]}
	if other := (rollup.Value{Value: cube.Overflow, Provider: cube.Overflow}); !n.models[m] && n.models[other] {
		m = other
	}
	return rollup.Labels{rollup.LabelProvider: clean(m.Provider), rollup.LabelModel: clean(m.Value)}
}

// shown returns labels as they are shown: keys by name, and nothing that is not UTF-8.
func (n *naming) shown(l rollup.Labels) rollup.Labels {
	if fingerprint := l[rollup.LabelKey]; fingerprint != "" && l != n.other {
		l[rollup.LabelKey] = n.keyName(fingerprint)
	}
	for i := range l {
		l[i] = clean(l[i])
	}
	return l
}

func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
