package match

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// textFields are where the shared texts of a search field are.
var textFields = []struct {
	field string
	kind  dictionary.Kind
	part  int // of Key.Parts
}{
	{"model", dictionary.KindModel, 0},
	{"model", dictionary.KindRequest, 1},
	{"path", dictionary.KindRequest, 3},
	{"error", dictionary.KindErrorType, 0},
	{"user", dictionary.KindUser, 0},
	{"service", dictionary.KindService, 0},
	{"provider", dictionary.KindProvider, 0},
	{"key", dictionary.KindKey, 1}, // the display: no part of a fingerprint is to be found out
	{"project", dictionary.KindProject, 0},
	{"account", dictionary.KindAccount, 0},
	{"operation", dictionary.KindRequest, 0},
	{"method", dictionary.KindRequest, 2},
}

// freeFields are where the texts of single records are.
var freeFields = []struct {
	field string
	which int
}{{"request_id", block.RequestID}, {"request_id", block.ResponseID}, {"session", block.Session}, {"message", block.Message}}

// term is one term of a search, prepared. It is found where any of its parts is.
type term struct {
	not         bool
	needle      string // in lower case
	texts       []textMatch
	free        []int // block.RequestID, ...
	trace, span bool  // looks at their digits
	state       func(state uint64) bool
	quality     usage.Quality
	tier        usage.Tier // TierUnknown: it asks for none
	status      store.StatusMatch
}

func newTerm(t *store.Term, values dictionary.Values) term {
	out := term{not: t.Not, needle: strings.ToLower(t.Value)}
	asked := func(field string) bool { return t.Field == field || (t.Field == "" && store.Open(field)) }
	for _, d := range textFields {
		if asked(d.field) {
			needle := out.needle
			out.texts = append(out.texts, newTextMatch(d.kind, values, func(k *dictionary.Key) bool {
				return strings.Contains(strings.ToLower(k.Parts()[d.part]), needle)
			}))
		}
	}
	if len(t.Keys) > 0 {
		keys := t.Keys
		out.texts = append(out.texts, newTextMatch(dictionary.KindKey, values, func(k *dictionary.Key) bool {
			return k.Name() != "" && slices.Contains(keys, k.Name())
		}))
	}
	for _, d := range freeFields {
		if asked(d.field) {
			out.free = append(out.free, d.which)
		}
	}
	digits := strings.Trim(out.needle, "0123456789abcdef") == ""
	out.trace, out.span = digits && asked("trace_id"), digits && asked("span_id")
	switch t.Field {
	case store.FieldNameStatus:
		out.status = store.ParseStatus(out.needle)
	case store.FieldNameQuality:
		out.quality = usage.ParseQuality([]string{out.needle})
	case store.FieldNameTier:
		out.tier, _ = usage.TierNamed(out.needle)
	case store.FieldNameSuperseded:
		out.state = supersededIs(out.needle)
	}
	return out
}

func supersededIs(s string) func(state uint64) bool {
	reason, known := store.ParseReason(s)
	switch {
	case s == "yes":
		return func(state uint64) bool { return state&block.Counted == 0 }
	case s == "no":
		return func(state uint64) bool { return state&block.Counted != 0 }
	case !known:
		return func(uint64) bool { return false }
	}
	return func(state uint64) bool { return block.ReasonOf(state) == reason }
}

// rows reports of each row of a block whether the term is found in it, without regard to its negation.
func (t *term) rows(b Block, values dictionary.Values) (found [block.MaxRows]bool, err error) {
	f := b.Figures()
	for i := range t.texts {
		d := f.Dictionary(int(t.texts[i].kind))
		var good [block.MaxRows]bool
		some := false
		for j, n := range d.Values {
			good[j] = t.texts[i].has(n, f)
			some = some || good[j]
		}
		for row := 0; row < f.Rows() && some; row++ {
			found[row] = found[row] || good[d.At(row)]
		}
	}
	for row := range f.Rows() {
		state := f.Dict(block.State).Value(row)
		found[row] = found[row] || (t.state != nil && t.state(state)) ||
			(t.quality != 0 && usage.Quality(f.Dict(block.Quality).Value(row))&t.quality != 0) ||
			(t.tier != usage.TierUnknown && usage.Tier(f.Dict(block.Tier).Value(row)) == t.tier) ||
			(t.status != nil && t.status(int(f.Dict(block.Status).Value(row)), state&block.Failed != 0))
	}
	if len(t.free) == 0 && !t.trace && !t.span {
		return found, nil
	}
	names, err := b.Names()
	if err != nil {
		return found, err
	}
	for _, which := range t.free {
		if err := names.Search(which, t.needle, func(row int) { found[row] = true }); err != nil {
			return found, err
		}
	}
	for row := 0; row < f.Rows() && (t.trace || t.span); row++ {
		if !found[row] {
			emitter := f.Dictionary(int(dictionary.KindEmitter)).Value(row)
			trace, span := names.TraceAndSpan(row, values.Signal(emitter, f))
			found[row] = (t.trace && hasDigits(trace, t.needle)) || (t.span && hasDigits(span, t.needle))
		}
	}
	return found, nil
}

// hasDigits reports whether the hexadecimal form of an identifier contains digits.
func hasDigits(id []byte, digits string) bool {
	var room [32]byte
	return len(id) > 0 && bytes.Contains(room[:hex.Encode(room[:], id)], []byte(digits))
}

// row is rows for a record that is not in a block yet.
func (t *term) row(row *block.Row) bool {
	for i := range t.texts {
		if t.texts[i].hasRow(row) {
			return true
		}
	}
	r := row.Record
	if (t.state != nil && t.state(block.StateOf(r))) || r.Quality&t.quality != 0 ||
		(t.tier != usage.TierUnknown && r.Tier == t.tier) ||
		(t.status != nil && t.status(r.Status, r.Failed)) {
		return true
	}
	for _, which := range t.free {
		if block.ContainsLower(block.FreeText(r, which), t.needle) {
			return true
		}
	}
	return (t.trace && !r.Trace.IsZero() && hasDigits(r.Trace[:], t.needle)) ||
		(t.span && !r.Span.IsZero() && hasDigits(r.Span[:], t.needle))
}
