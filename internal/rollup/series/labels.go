package series

import (
	"github.com/tokenboard/tokenboard/internal/rollup/cell"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Label is one of the labels that series can have.
type Label uint8

// The labels, in the order of Labels.
const (
	LabelProvider Label = iota
	LabelModel
	LabelService
	LabelKey     // key fingerprint
	LabelStatus  // "ok", "error" or the class of the HTTP status: "2xx", "4xx", ...
	LabelAccount // upstream account, see usage.AccountDisplay
	LabelCount
)

// Labels are a series' label values; a label that is not used has an empty value.
type Labels [LabelCount]string

// otherLabels are the labels of the sum of all series beyond the limit.
func otherLabels(used [LabelCount]bool) (l Labels) {
	for i := range l {
		if used[i] {
			l[i] = "other"
		}
	}
	return l
}

var statusClasses = [...]string{1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}

// statusClass is a call's outcome by the class of its HTTP status.
func statusClass(c *usage.Call) string {
	switch {
	case c.Status >= 100 && c.Status < 600:
		return statusClasses[c.Status/100]
	case c.Failed:
		return "error"
	default:
		return "ok"
	}
}

// labelsOf returns the labels of a call that are used.
func (s *Set) labelsOf(all *Labels) (l Labels) {
	for i, used := range s.used {
		if used {
			l[i] = all[i]
		}
	}
	return l
}

// usedLabels says in one byte which labels are used.
func (s *Set) usedLabels() (b byte) {
	for i, used := range s.used {
		if used {
			b |= 1 << i
		}
	}
	return b
}

// allLabels returns all labels of a call.
func allLabels(c *usage.Call) Labels {
	return Labels{c.Provider, c.Model, c.Service, c.KeyFingerprint, statusClass(c), c.Account}
}

// stored is how many labels a journal has: the account only if it is used, as in the first version of the format.
func (s *Set) stored() int {
	if s.used[LabelAccount] {
		return int(LabelCount)
	}
	return int(LabelAccount)
}

func (s *Set) appendLabels(b []byte, l Labels) []byte {
	for _, v := range l[:s.stored()] {
		b = cell.AppendText(b, v)
	}
	return b
}

func (s *Set) readLabels(r *cell.Reader) (l Labels) {
	for i := range s.stored() {
		l[i] = r.Text()
	}
	return l
}
