package dictionary

import (
	"strconv"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Kind is a group of a call's texts that a dictionary keeps once, under one number. Some kinds hold several texts that
// nearly always come together. The numbers of the kinds are stored.
type Kind uint8

// The kinds.
const (
	KindModel Kind = iota
	KindProvider
	KindKey // fingerprint, display
	KindUser
	KindService // service, environment
	KindProject
	KindEmitter // signal, role, secondary signal, process, scope
	KindRequest // operation, requested model, method, path, stream
	KindErrorType
	KindPrices  // price version; its number is 0 where there is none
	KindAccount // upstream account; likewise
	KindCount
)

var _ = [1]struct{}{}[KindCount-block.DictionaryKinds] // blocks have a column for each

// String is the kind's name in the API.
func (k Kind) String() string {
	return [KindCount]string{
		"model", "provider", "key", "user", "service", "project", "emitter", "request", "error_type", "price_version", "account",
	}[k]
}

// SummaryBits is how many bits the summary of a block has for each kind. A number's bit is its remainder: up to
// that many texts of a kind have bits of their own.
var SummaryBits = &block.SummaryBits{
	All: [block.DictionaryKinds]int{
		KindModel: 128, KindProvider: 16, KindKey: 512, KindUser: 1024, KindService: 64, KindProject: 64, KindErrorType: 32,
	},
	Failed: [block.DictionaryKinds]int{KindModel: 64, KindKey: 256, KindUser: 256},
}

// separator is between the texts of one key. Callers replace control characters in texts, so that no text has it.
const separator = "\x1f"

// Key is the value that a number refers to: a call's texts of one kind, not joined.
type Key struct {
	kind       Kind
	a, b, c, d string
	small      uint32
	large      uint64
}

// optional reports whether records can have no text of a kind: its number is 0 then.
func (k Kind) optional() bool { return k == KindPrices || k == KindAccount }

// PriceKey returns the key of a price version.
func PriceKey(version string) Key { return Key{kind: KindPrices, a: version} }

// KeysOf returns a call's key of every kind.
func KeysOf(c *usage.Call) (keys [KindCount]Key) {
	for k := range keys {
		keys[k] = KeyOf(c, Kind(k))
	}
	return keys
}

// KeyOf returns a call's key of a kind.
func KeyOf(c *usage.Call, of Kind) Key {
	k := Key{kind: of}
	switch of {
	case KindModel:
		k.a = c.Model
	case KindProvider:
		k.a = c.Provider
	case KindKey:
		k.a, k.b = c.KeyFingerprint, c.KeyDisplay
	case KindUser:
		k.a = c.User
	case KindService:
		k.a, k.b = c.Service, c.Environment
	case KindProject:
		k.a = c.Project
	case KindEmitter:
		k = emitterOf(c)
	case KindRequest:
		k = requestOf(c)
	case KindErrorType:
		k.a = c.ErrorType
	case KindPrices:
		k.a = c.PriceVersion
	case KindAccount:
		k.a = c.Account
	}
	return k
}

// InlineText is the block.InlineTexts of texts that have no number.
func InlineText(r *store.Record, of int) (text, name string) {
	k := KeyOf(&r.Call, Kind(of))
	return k.Text(), k.a
}

// Name returns the text that filters compare and groups are named by: for a key its fingerprint, for a request its
// operation.
func (k *Key) Name() string { return k.a }

// Parts returns the texts of the key. Which of them a search field means depends on the kind.
func (k *Key) Parts() [4]string { return [4]string{k.a, k.b, k.c, k.d} }

// Text returns the key as it is stored.
func (k *Key) Text() string {
	switch k.kind {
	case KindKey, KindService:
		return k.a + separator + k.b
	case KindEmitter:
		return strings.Join([]string{
			strconv.Itoa(int(k.small & 0xff)), strconv.Itoa(int(k.small >> 8 & 0xff)), strconv.FormatBool(k.small>>16 != 0),
			strconv.FormatUint(k.large, 16), k.a,
		}, separator)
	case KindRequest:
		return strings.Join([]string{k.a, k.b, k.c, k.d, strconv.Itoa(int(k.small))}, separator)
	default:
		return k.a
	}
}

// ParseKey is the reverse of Text.
func ParseKey(of Kind, text string) Key {
	k := Key{kind: of, a: text}
	switch of {
	case KindKey, KindService:
		k.a, k.b, _ = strings.Cut(text, separator)
	case KindEmitter:
		if p := strings.SplitN(text, separator, 5); len(p) == 5 {
			k.small = uint32(parseSmall(p[0])) | uint32(parseSmall(p[1]))<<8
			if p[2] == "true" {
				k.small |= 1 << 16
			}
			k.large, _ = strconv.ParseUint(p[3], 16, 64)
			k.a = p[4]
		}
	case KindRequest:
		if p := strings.SplitN(text, separator, 5); len(p) == 5 {
			k.a, k.b, k.c, k.d, k.small = p[0], p[1], p[2], p[3], uint32(parseSmall(p[4]))
		}
	}
	return k
}

// parseSmall reads a number below 256 that Text wrote.
func parseSmall(s string) uint8 {
	n, _ := strconv.ParseUint(s, 10, 8)
	return uint8(n)
}

// SetIn puts the texts into a call.
func (k *Key) SetIn(c *usage.Call) {
	switch k.kind {
	case KindModel:
		c.Model = k.a
	case KindProvider:
		c.Provider = k.a
	case KindKey:
		c.KeyFingerprint, c.KeyDisplay = k.a, k.b
	case KindUser:
		c.User = k.a
	case KindService:
		c.Service, c.Environment = k.a, k.b
	case KindProject:
		c.Project = k.a
	case KindEmitter:
		c.Signal, c.Role, c.SecondarySignal = usage.Signal(k.small&0xff), usage.Role(k.small>>8&0xff), k.small>>16 != 0
		c.Process, c.Scope = k.large, k.a
	case KindRequest:
		c.Operation, c.RequestModel, c.Method, c.Path, c.Stream = k.a, k.b, k.c, k.d, usage.Tristate(k.small)
	case KindErrorType:
		c.ErrorType = k.a
	case KindPrices:
		c.PriceVersion = k.a
	case KindAccount:
		c.Account = k.a
	}
}

// isOf reports whether a key equals the call's key of the same kind.
func (k *Key) isOf(c *usage.Call) bool {
	switch k.kind {
	case KindModel:
		return c.Model == k.a
	case KindProvider:
		return c.Provider == k.a
	case KindKey:
		return c.KeyFingerprint == k.a && c.KeyDisplay == k.b
	case KindUser:
		return c.User == k.a
	case KindService:
		return c.Service == k.a && c.Environment == k.b
	case KindProject:
		return c.Project == k.a
	case KindErrorType:
		return c.ErrorType == k.a
	case KindPrices:
		return c.PriceVersion == k.a
	case KindAccount:
		return c.Account == k.a
	case KindEmitter:
		return *k == emitterOf(c)
	case KindRequest:
		return *k == requestOf(c)
	}
	return false
}

func emitterOf(c *usage.Call) Key {
	small := uint32(c.Signal) | uint32(c.Role)<<8
	if c.SecondarySignal {
		small |= 1 << 16
	}
	return Key{kind: KindEmitter, a: c.Scope, small: small, large: c.Process}
}

func requestOf(c *usage.Call) Key {
	return Key{kind: KindRequest, a: c.Operation, b: c.RequestModel, c: c.Method, d: c.Path, small: uint32(c.Stream)}
}
