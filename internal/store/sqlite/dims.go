package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// kind is a group of a call's texts that are kept once, in dims, and named by a number. Some kinds hold
// several texts that nearly always come together.
type kind uint8

const (
	kindModel kind = iota
	kindProvider
	kindKey // fingerprint, display
	kindUser
	kindService // service, environment
	kindProject
	kindEmitter // signal, role, echo, process, scope
	kindRequest // operation, requested model, method, path, stream
	kindErrorType
	kindPrices // price version; its number is 0 where there is none
	kindCount
)

var _ = [1]struct{}{}[kindCount-block.DictionaryKinds] // blocks have a column for each

// marks is how many bits the summary of a block has for each kind. A number's bit is its remainder: up to
// so many texts of a kind are told apart.
var marks = &block.SummaryBits{
	All: [block.DictionaryKinds]int{
		kindModel: 128, kindProvider: 16, kindKey: 512, kindUser: 1024, kindService: 64, kindProject: 64, kindErrorType: 32,
	},
	Failed: [block.DictionaryKinds]int{kindModel: 64, kindKey: 256, kindUser: 256},
}

// sep separates the texts of one value. Callers replace control characters in texts, so that
// it stands in none.
const sep = "\x1f"

// dimKey is what one number stands for, without the texts being joined.
type dimKey struct {
	kind       kind
	a, b, c, d string
	small      uint32
	large      uint64
}

// dimKeys gives a call's value of every kind.
func dimKeys(c *usage.Call) (keys [kindCount]dimKey) {
	for k := range keys {
		keys[k] = dimKeyIn(c, kind(k))
	}
	return keys
}

// dimKeyIn gives a call's value of a kind.
func dimKeyIn(c *usage.Call, of kind) dimKey {
	k := dimKey{kind: of}
	switch of {
	case kindModel:
		k.a = c.Model
	case kindProvider:
		k.a = c.Provider
	case kindKey:
		k.a, k.b = c.KeyFingerprint, c.KeyDisplay
	case kindUser:
		k.a = c.User
	case kindService:
		k.a, k.b = c.Service, c.Environment
	case kindProject:
		k.a = c.Project
	case kindEmitter:
		k = emitterOf(c)
	case kindRequest:
		k = requestOf(c)
	case kindErrorType:
		k.a = c.ErrorType
	case kindPrices:
		k.a = c.PriceVersion
	}
	return k
}

// keepText is the block.Keeper of texts that have no number.
func keepText(r *store.Record, of int) (text, name string) {
	k := dimKeyIn(&r.Call, kind(of))
	return k.text(), k.a
}

// text gives the value as it is stored.
func (k *dimKey) text() string {
	switch k.kind {
	case kindKey, kindService:
		return k.a + sep + k.b
	case kindEmitter:
		return strings.Join([]string{
			strconv.Itoa(int(k.small & 0xff)), strconv.Itoa(int(k.small >> 8 & 0xff)), strconv.FormatBool(k.small>>16 != 0),
			strconv.FormatUint(k.large, 16), k.a,
		}, sep)
	case kindRequest:
		return strings.Join([]string{k.a, k.b, k.c, k.d, strconv.Itoa(int(k.small))}, sep)
	default:
		return k.a
	}
}

// dimKeyOf reads what text gives.
func dimKeyOf(kind kind, text string) dimKey {
	k := dimKey{kind: kind, a: text}
	switch kind {
	case kindKey, kindService:
		k.a, k.b, _ = strings.Cut(text, sep)
	case kindEmitter:
		if p := strings.SplitN(text, sep, 5); len(p) == 5 {
			k.small = uint32(atoi(p[0])) | uint32(atoi(p[1]))<<8
			if p[2] == "true" {
				k.small |= 1 << 16
			}
			k.large, _ = strconv.ParseUint(p[3], 16, 64)
			k.a = p[4]
		}
	case kindRequest:
		if p := strings.SplitN(text, sep, 5); len(p) == 5 {
			k.a, k.b, k.c, k.d, k.small = p[0], p[1], p[2], p[3], uint32(atoi(p[4]))
		}
	}
	return k
}

// set puts the texts into a call.
func (k *dimKey) set(c *usage.Call) {
	switch k.kind {
	case kindModel:
		c.Model = k.a
	case kindProvider:
		c.Provider = k.a
	case kindKey:
		c.KeyFingerprint, c.KeyDisplay = k.a, k.b
	case kindUser:
		c.User = k.a
	case kindService:
		c.Service, c.Environment = k.a, k.b
	case kindProject:
		c.Project = k.a
	case kindEmitter:
		c.Signal, c.Role, c.SecondarySignal = usage.Signal(k.small&0xff), usage.Role(k.small>>8&0xff), k.small>>16 != 0
		c.Process, c.Scope = k.large, k.a
	case kindRequest:
		c.Operation, c.RequestModel, c.Method, c.Path, c.Stream = k.a, k.b, k.c, k.d, usage.Tristate(k.small)
	case kindErrorType:
		c.ErrorType = k.a
	case kindPrices:
		c.PriceVersion = k.a
	}
}

// parts gives the texts in the order in which searches name them.
func (k *dimKey) parts() [4]string { return [4]string{k.a, k.b, k.c, k.d} }

// atoi reads a small number that text wrote.
func atoi(s string) uint8 {
	n, _ := strconv.ParseUint(s, 10, 8)
	return uint8(n)
}

// dims maps texts to their numbers and back. Senders choose the texts, so that few have a number: those of a
// kind that come when there is no room are kept by the blocks of their records, see block.Own. The number of
// a text that no record has any more is given to another one, see reclaim.
type dims struct {
	mu      sync.RWMutex
	values  []dimKey // by number; not to be changed below the length that a reader has seen
	numbers map[dimKey]uint32
	counts  [kindCount]int // how many texts of a kind have numbers
	limit   int            // of each kind
	reuseAt int            // from so many numbers on some are used again
	free    []uint32       // numbers that no text has, descending

	// The writer's shortcuts: numbers by the one text that mostly tells them, and what came last of the
	// kinds that seldom change.
	byText [kindCount]map[string]uint32
	last   [kindCount]uint32
}

// recall finds the numbers of a call's texts quickly, those that it can: it gives false where some are
// left to be looked up in full.
func (d *dims) recall(c *usage.Call, texts *block.DictionaryIDs) (all bool) {
	all = true
	for k, text := range [kindCount]string{
		c.Model, c.Provider, c.KeyFingerprint, c.User, c.Service, c.Project, c.Scope, c.RequestModel, c.ErrorType, c.PriceVersion,
	} {
		if kind(k) == kindPrices && text == "" {
			continue
		}
		n := d.last[k]
		if n == 0 || !d.values[n].is(c) {
			if n = d.byText[k][text]; n == 0 || !d.values[n].is(c) {
				all = false
				continue
			}
			d.last[k] = n
		}
		texts[k] = n
		d.values[n].set(c)
	}
	return all
}

// is tells whether a value is what a call has of its kind.
func (k *dimKey) is(c *usage.Call) bool {
	switch k.kind {
	case kindModel:
		return c.Model == k.a
	case kindProvider:
		return c.Provider == k.a
	case kindKey:
		return c.KeyFingerprint == k.a && c.KeyDisplay == k.b
	case kindUser:
		return c.User == k.a
	case kindService:
		return c.Service == k.a && c.Environment == k.b
	case kindProject:
		return c.Project == k.a
	case kindErrorType:
		return c.ErrorType == k.a
	case kindPrices:
		return c.PriceVersion == k.a
	case kindEmitter:
		return *k == emitterOf(c)
	case kindRequest:
		return *k == requestOf(c)
	}
	return false
}

func emitterOf(c *usage.Call) dimKey {
	small := uint32(c.Signal) | uint32(c.Role)<<8
	if c.SecondarySignal {
		small |= 1 << 16
	}
	return dimKey{kind: kindEmitter, a: c.Scope, small: small, large: c.Process}
}

func requestOf(c *usage.Call) dimKey {
	return dimKey{kind: kindRequest, a: c.Operation, b: c.RequestModel, c: c.Method, d: c.Path, small: uint32(c.Stream)}
}

func loadDims(ctx context.Context, db *sql.DB, limit int) (*dims, error) {
	d := &dims{values: make([]dimKey, 1), numbers: map[dimKey]uint32{}, limit: limit, reuseAt: spareUntil * int(kindCount) * limit}
	rows, err := db.QueryContext(ctx, "SELECT id, kind, value FROM dims ORDER BY id")
	if err != nil {
		return nil, mapError("read the dimension texts", err)
	}
	defer rows.Close()
	for rows.Next() {
		var number, of int64
		var text string
		if err := rows.Scan(&number, &of, &text); err != nil {
			return nil, mapError("read the dimension texts", err)
		}
		if of < 0 || of >= int64(kindCount) || number < 1 || number >= int64(block.Inline) {
			continue // no call has it
		}
		d.put(uint32(number), dimKeyOf(kind(of), text))
	}
	for n := len(d.values) - 1; n > 0; n-- {
		if d.values[n].kind == kindCount {
			d.free = append(d.free, uint32(n))
		}
	}
	return d, mapError("read the dimension texts", rows.Err())
}

func (d *dims) put(number uint32, k dimKey) {
	for uint32(len(d.values)) <= number {
		d.values = append(d.values, dimKey{kind: kindCount})
	}
	d.values[number] = k
	d.numbers[k] = number
	d.counts[k.kind]++
	d.name(number)
}

// name makes the writer's shortcut to a number.
func (d *dims) name(number uint32) {
	k := &d.values[number]
	if d.byText[k.kind] == nil {
		d.byText[k.kind] = map[string]uint32{}
	}
	text := k.a
	if k.kind == kindRequest {
		text = k.b
	}
	d.byText[k.kind][text] = number // of several with one text the last
}

// number gives a value's number. Only the writer asks.
func (d *dims) number(k *dimKey) (uint32, bool) {
	if k.kind == kindPrices && k.a == "" {
		return 0, true
	}
	n, ok := d.numbers[*k]
	return n, ok
}

// add makes values known that are committed.
func (d *dims) add(fresh map[dimKey]uint32) {
	if len(fresh) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	reused := false
	for _, n := range fresh {
		reused = reused || int(n) < len(d.values)
	}
	if reused { // readers have what stood there
		d.values = slices.Clone(d.values)
		taken := make(map[uint32]bool, len(fresh))
		for _, n := range fresh {
			taken[n] = true
		}
		d.free = slices.DeleteFunc(d.free, func(n uint32) bool { return taken[n] })
	}
	for k, n := range fresh {
		d.put(n, k)
	}
}

// room tells whether a further text of a kind can have a number, where so many are about to have one.
func (d *dims) room(of kind, fresh int) bool { return d.counts[of]+fresh < d.limit }

// spare gives the i-th number that no text has.
func (d *dims) spare(i int) uint32 {
	n := len(d.values)
	switch {
	case n < d.reuseAt: // to use one again costs a copy of all values
	case i < len(d.free):
		return d.free[len(d.free)-1-i]
	default:
		i -= len(d.free)
	}
	return uint32(n + i)
}

// spareUntil is up to how many times the most numbers that texts can have there are numbers before some are
// used again.
const spareUntil = 2

// dimValues is all values at one moment, by number.
type dimValues []dimKey

func (d *dims) all() dimValues {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.values
}

// match gives the numbers of a kind's values that fulfil a condition.
func (v dimValues) match(of kind, fulfils func(*dimKey) bool) map[uint32]bool {
	out := map[uint32]bool{}
	for n := range v {
		if v[n].kind == of && n > 0 && fulfils(&v[n]) {
			out[uint32(n)] = true
		}
	}
	return out
}

// at gives the value of a number, of a block where the block keeps it itself; false where it is not there.
func (v dimValues) at(of kind, number uint64, f *block.Figures) (dimKey, bool) {
	if text, own := f.InlineText(number); own {
		return dimKeyOf(of, text), true
	}
	if number == 0 || number >= uint64(len(v)) || v[number].kind != of {
		return dimKey{}, false
	}
	return v[number], true
}

// set puts the texts of a record of a block into it; false where one is not there.
func (v dimValues) set(texts *block.DictionaryIDs, f *block.Figures, c *usage.Call) bool {
	for k, n := range texts {
		if n&block.Inline != 0 {
			text, known := f.InlineText(uint64(n))
			if !known {
				return false
			}
			own := dimKeyOf(kind(k), text)
			own.set(c)
			continue
		}
		if n == 0 {
			if kind(k) != kindPrices {
				return false
			}
			c.PriceVersion = ""
			continue
		}
		if int(n) >= len(v) || v[n].kind != kind(k) {
			return false
		}
		v[n].set(c)
	}
	return true
}
