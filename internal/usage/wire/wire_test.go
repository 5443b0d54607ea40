package wire

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/hexdoc"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// fill sets every field of a value, those of its parts included, so that a field that is added later is not forgotten.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if at, is := v.Addr().Interface().(*time.Time); is {
			*at = time.Unix(rapid.Int64Range(-62135596800, 1<<40).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Array:
		zero := rapid.Bool().Draw(t, "zero")
		for i := range v.Len() {
			if !zero {
				fill(t, v.Index(i))
			}
		}
	case reflect.String:
		v.SetString(rapid.SampledFrom([]string{"", "a", "b", "gpt-4o", "\x00\xff"}).Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Just(int64(0)), rapid.Int64(), rapid.Just(int64(math.MaxInt64))).Draw(t, "int"))
	case reflect.Uint8, reflect.Uint16, reflect.Uint64:
		v.SetUint(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "uint") & (1<<(8*v.Type().Size()-1)<<1 - 1))
	default:
		panic("a field of a kind that is not handled: " + v.Type().String())
	}
}

// TestRoundTrip: all of a call is kept, whatever it holds.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := usage.Batch{Calls: make([]usage.Call, rapid.IntRange(0, 4).Draw(t, "calls")), Parents: make([]usage.SpanParent, rapid.IntRange(0, 3).Draw(t, "links"))}
		for i := range want.Calls {
			fill(t, reflect.ValueOf(&want.Calls[i]).Elem())
			if rapid.Bool().Draw(t, "span") {
				want.Calls[i].ID = usage.SpanRecordID(want.Calls[i].Trace, want.Calls[i].Span)
			}
		}
		for i := range want.Parents {
			fill(t, reflect.ValueOf(&want.Parents[i]).Elem())
		}
		got, err := Batch(AppendBatch([]byte("x"), &want)[1:])
		require.NoError(t, err)
		require.Equal(t, want, got)

		c := Commit{At: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "at"), 5).UTC(), Records: rapid.Bool().Draw(t, "records"), Changes: []usage.Change{}}
		for i := range want.Calls {
			c.Changes = append(c.Changes, usage.Change{Call: &want.Calls[i], N: rapid.SampledFrom([]int64{1, -1}).Draw(t, "n")})
		}
		read, err := ReadCommit(AppendCommit(nil, &c))
		require.NoError(t, err)
		require.Equal(t, c, read)
	})
}

// TestDamaged: bytes that are cut off, changed or of another kind are refused.
func TestDamaged(t *testing.T) {
	b := AppendBatch(nil, &golden)
	for i := range b {
		_, err := Batch(b[:i])
		require.ErrorIs(t, err, ErrDamaged)
		bad := append([]byte{}, b...)
		bad[i] ^= 1
		_, err = Batch(bad)
		require.Error(t, err)
	}
	_, err := ReadCommit(b)
	require.ErrorIs(t, err, ErrDamaged)
	next := append([]byte{Version + 1}, b[1:len(b)-4]...)
	_, err = Batch(binary.LittleEndian.AppendUint32(next, crc32.Checksum(next, castagnoli)))
	require.ErrorIs(t, err, ErrVersion)
}

// FuzzBatch: whatever the bytes are, reading them ends without a panic.
func FuzzBatch(f *testing.F) {
	with := goldenAccounts()
	f.Add(AppendBatch(nil, &golden))
	f.Add(AppendBatch(nil, &with))
	messages := goldenMessages()
	f.Add(AppendBatch(nil, &messages))
	f.Add([]byte{Version, kindCommit, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = binary.LittleEndian.AppendUint32(b[:len(b):len(b)], crc32.Checksum(b, castagnoli))
		if batch, err := Batch(b); err == nil {
			again, err := Batch(AppendBatch(nil, &batch))
			require.NoError(t, err)
			require.Equal(t, batch, again)
		}
		_, _ = ReadCommit(b)
	})
}

// golden is the batch of the golden file, which never changes.
var golden = usage.Batch{
	Calls: []usage.Call{{
		ID:    usage.SpanRecordID(usage.TraceID{0xaa}, usage.SpanID{0xbb}),
		Trace: usage.TraceID{0xaa}, Span: usage.SpanID{0xbb}, Role: usage.RoleCall, Start: time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC),
		Duration: 2 * time.Second, Provider: "openai", RequestModel: "gpt-4o", Model: "gpt-4o", Status: 200,
		Tokens: usage.Tokens{InputUncached: 1200, OutputText: 300, Fields: usage.HasInput | usage.HasOutput},
	}},
	Parents: []usage.SpanParent{{Trace: usage.TraceID{0xaa}, Span: usage.SpanID{0xcc}, Parent: usage.SpanID{0xdd}, Tool: true}},
}

// goldenAccounts is the batch of the golden file of version 2: the same, with an upstream account.
func goldenAccounts() usage.Batch {
	b := usage.Batch{Calls: slices.Clone(golden.Calls), Parents: golden.Parents}
	b.Calls[0].Account = "01ab"
	return b
}

// goldenMessages is the batch of the golden file of version 3: the first one, with the message of an error.
func goldenMessages() usage.Batch {
	b := usage.Batch{Calls: slices.Clone(golden.Calls), Parents: golden.Parents}
	b.Calls[0].ErrorMessage = "slow down"
	return b
}

// TestFormatDelivery: the golden files are read, are what is written today, and the first is the example of the documentation.
func TestFormatDelivery(t *testing.T) {
	for name, want := range map[string]usage.Batch{"delivery": golden, "delivery-accounts": goldenAccounts(), "delivery-messages": goldenMessages()} {
		t.Run(name, func(t *testing.T) {
			file, err := hexdoc.File("testdata/formats/" + name + ".hex")
			require.NoError(t, err)
			batch, err := Batch(file)
			require.NoError(t, err)
			require.Equal(t, want, batch)
			require.Equal(t, file, AppendBatch(nil, &want), "the format changed: it needs another version, and this file stays")
		})
	}
	file, err := hexdoc.File("testdata/formats/delivery.hex")
	require.NoError(t, err)
	example, err := hexdoc.Example("../../../docs/formats/delivery.md", "delivery")
	require.NoError(t, err)
	require.Equal(t, file, example)
}

// TestVersions: only bytes with an upstream account or an error's message need a replica that knows them, of whichever kind
// they are.
func TestVersions(t *testing.T) {
	with := goldenAccounts()
	commit := func(b *usage.Batch) []byte {
		return AppendCommit(nil, &Commit{Changes: []usage.Change{{Call: &b.Calls[0], N: 1}}})
	}
	messages := goldenMessages()
	require.Equal(t, []byte{1, 1, 2, 2, 3, 3}, []byte{
		AppendBatch(nil, &golden)[0], commit(&golden)[0], AppendBatch(nil, &with)[0], commit(&with)[0], AppendBatch(nil, &messages)[0], commit(&messages)[0],
	})
	require.Equal(t, []int{1, 2, 3}, []int{FormatOf(golden.Calls), FormatOf(with.Calls), FormatOf(messages.Calls)})
	require.Equal(t, 3, FormatOf(slices.Concat(golden.Calls, messages.Calls, with.Calls)))
}
