package dictionary

import (
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Values are the keys of a dictionary at one moment, by number. They are never changed.
type Values []Key

// Match returns the numbers of the keys of a kind that fulfil a condition.
func (v Values) Match(of Kind, fulfils func(*Key) bool) map[uint32]bool {
	out := map[uint32]bool{}
	for n := range v {
		if v[n].kind == of && n > 0 && fulfils(&v[n]) {
			out[uint32(n)] = true
		}
	}
	return out
}

// At returns the key of a number in a column of a block, which may keep the text inline; false where there is none.
func (v Values) At(of Kind, number uint64, f *block.Figures) (Key, bool) {
	if text, inline := f.InlineText(number); inline {
		return ParseKey(of, text), true
	}
	if number == 0 || number >= uint64(len(v)) || v[number].kind != of {
		return Key{}, false
	}
	return v[number], true
}

// SetIn puts the texts of a record of a block into a call; false where one of them does not exist.
func (v Values) SetIn(ids *block.DictionaryIDs, f *block.Figures, c *usage.Call) bool {
	for k, n := range ids {
		if n&block.Inline != 0 {
			text, found := f.InlineText(uint64(n))
			if !found {
				return false
			}
			inline := ParseKey(Kind(k), text)
			inline.SetIn(c)
			continue
		}
		if n == 0 {
			if !Kind(k).optional() {
				return false
			}
			none := Key{kind: Kind(k)}
			none.SetIn(c)
			continue
		}
		if int(n) >= len(v) || v[n].kind != Kind(k) {
			return false
		}
		v[n].SetIn(c)
	}
	return true
}

// Signal returns the signal of an emitter's number in a column of a block.
func (v Values) Signal(emitter uint64, f *block.Figures) usage.Signal {
	var c usage.Call
	if k, found := v.At(KindEmitter, emitter, f); found {
		k.SetIn(&c)
	}
	return c.Signal
}
