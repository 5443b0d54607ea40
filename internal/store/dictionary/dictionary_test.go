package dictionary

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// drawCall draws the texts of a call. Few values make many of them equal.
func drawCall(t *rapid.T) *usage.Call {
	text := func(label string) string {
		return rapid.SampledFrom([]string{"", "a", "b", "ä b", "x,y"}).Draw(t, label)
	}
	return &usage.Call{
		Model: text("model"), Provider: text("provider"), KeyFingerprint: text("fingerprint"), KeyDisplay: text("display"), User: text("user"),
		Service: text("service"), Environment: text("environment"), Project: text("project"), ErrorType: text("error"), PriceVersion: text("prices"), Account: text("account"),
		Operation: text("operation"), RequestModel: text("requested"), Method: text("method"), Path: text("path"), Scope: text("scope"),
		Stream: usage.Tristate(rapid.IntRange(0, 2).Draw(t, "stream")), Signal: usage.Signal(rapid.IntRange(0, 2).Draw(t, "signal")),
		Role: usage.Role(rapid.IntRange(0, 3).Draw(t, "role")), SecondarySignal: rapid.Bool().Draw(t, "secondary"), Process: rapid.Uint64().Draw(t, "process"),
	}
}

// TestKeyText: a key is read back from what is stored of it, and puts into a call what it was made of.
func TestKeyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCall(t)
		var again usage.Call
		for k, key := range KeysOf(c) {
			read := ParseKey(Kind(k), key.Text())
			require.Equal(t, key, read)
			require.True(t, read.isOf(c))
			read.SetIn(&again)
		}
		require.Equal(t, *c, again)
	})
}

// TestNumbers: keys keep their numbers, whether they are found by the shortcuts or in full, and after a restart; a
// number that is given is no other key's, and is below the limit of its kind.
func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{0, 1, 2, 100}).Draw(t, "limit")
		d := New(limit, nil)
		if rapid.Bool().Draw(t, "reuse") {
			d.ReuseFrom(0)
		}
		numbers := map[Key]uint32{}
		var stored []Stored
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if rapid.IntRange(0, 4).Draw(t, "step") == 0 {
				before := slices.Clone(d.Values())
				values := d.Values()
				used := rapid.SliceOfN(rapid.Bool(), len(values), len(values)).Draw(t, "used")
				unused := d.Unused(used)
				d.Remove(unused)
				require.Equal(t, before, values, "who has the values keeps them")
				stored = slices.DeleteFunc(stored, func(s Stored) bool { return slices.Contains(unused, uint32(s.Number)) })
				for k, n := range numbers {
					if slices.Contains(unused, n) {
						delete(numbers, k)
					}
				}
				continue
			}
			c := drawCall(t)
			keys := KeysOf(c)
			added := d.Additions()
			ids := added.IDs(c)
			again := added.IDs(c)
			require.Equal(t, ids, again)
			d.Add(added)
			stored = append(stored, added.Stored()...)
			for k, n := range ids {
				switch known, some := numbers[keys[k]]; {
				case Kind(k).optional() && keys[k].a == "":
					require.Zero(t, n)
				case some:
					require.Equal(t, known, n)
				case n != block.Inline:
					require.Equal(t, keys[k], d.Values()[n])
					numbers[keys[k]] = n
				}
			}
		}
		taken := map[uint32]bool{}
		for _, n := range numbers {
			require.False(t, taken[n])
			taken[n] = true
		}
		for _, u := range d.Use() {
			require.LessOrEqual(t, u.Count, limit)
		}
		d = New(limit, stored)
		for k, n := range numbers {
			found, some := d.number(&k)
			require.True(t, some)
			require.Equal(t, n, found)
		}
		require.Len(t, stored, len(numbers))
	})
}

// TestCrowded: three quarters of the numbers of one kind are little room.
func TestCrowded(t *testing.T) {
	d := New(8, nil)
	for i := range 6 {
		require.False(t, d.Crowded(), i)
		a := d.Additions()
		k := PriceKey(fmt.Sprint(i))
		require.NotEqual(t, block.Inline, a.Number(&k))
		d.Add(a)
	}
	require.True(t, d.Crowded())
	require.Equal(t, "price_version", d.Use()[KindPrices].Kind)
	require.Equal(t, 6, d.Use()[KindPrices].Count)
}

// TestDamagedRows: a stored row with a kind or a number that no record can have is left out.
func TestDamagedRows(t *testing.T) {
	d := New(8, []Stored{
		{Number: 0, Kind: int64(KindModel), Text: "a"}, {Number: int64(block.Inline), Kind: int64(KindModel), Text: "a"},
		{Number: 3, Kind: int64(KindCount), Text: "a"}, {Number: 3, Kind: -1, Text: "a"}, {Number: 2, Kind: int64(KindModel), Text: "b"},
	})
	require.Len(t, d.Values(), 3)
	require.Equal(t, "b", d.Values()[2].Name())
	var c usage.Call
	d.Values()[1].SetIn(&c)
	require.Equal(t, usage.Call{}, c)
	require.Equal(t, map[uint32]bool{2: true}, d.Values().Match(KindModel, func(*Key) bool { return true }))
}
