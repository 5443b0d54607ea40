package wire

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/format"
)

// Version is the newest version of the bytes. Bytes are of the oldest version that has a place for all that their calls
// have, so that replicas of the version before read them.
const Version = 3

const (
	versionPlain    = format.Plain
	versionAccounts = format.Accounts // each call has one more text: its upstream account
	versionMessages = format.Messages // and another: the message of its error
)

// The kinds.
const (
	kindBatch  = 1
	kindCommit = 2
)

// Commit is what one commit changed, for the processes that follow it.
type Commit struct {
	At time.Time
	// Records reports whether a record was put or marked, and not only links.
	Records bool
	Changes []usage.Change
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The parts of a call that are left out where they are zero, and flags.
const (
	hasID = 1 << iota // an identity that is not that of the span
	hasTrace
	hasSpan
	hasParent
	hasModalities
	hasBefore
	isSecondary
	hasReportedCost
	isFailed
)

// writer appends to bytes. Texts are written where they come first, and then named by number.
type writer struct {
	b       []byte
	texts   map[string]uint64
	start   int64 // of the call before, in seconds
	version byte
}

func newWriter(b []byte, kind byte, version int) *writer {
	return &writer{b: append(b, byte(version), kind), texts: map[string]uint64{"": 0}, version: byte(version)}
}

func (w *writer) end(from int) []byte {
	return binary.LittleEndian.AppendUint32(w.b, crc32.Checksum(w.b[from:], castagnoli))
}

// FormatOf is the format that a batch needs.
func FormatOf(calls []usage.Call) int {
	needed := versionPlain
	for i := range calls {
		needed = max(needed, formatOf(&calls[i]))
	}
	return needed
}

// formatOf is the format that a call needs.
func formatOf(c *usage.Call) int {
	switch {
	case c.ErrorMessage != "":
		return versionMessages
	case c.Account != "":
		return versionAccounts
	}
	return versionPlain
}

// Format is the format of bytes of this package, which may be a newer one than this program reads.
func Format(b []byte) int {
	if len(b) == 0 {
		return format.Plain
	}
	return int(b[0])
}

// AppendBatch appends a batch to bytes.
func AppendBatch(b []byte, batch *usage.Batch) []byte {
	w := newWriter(b, kindBatch, FormatOf(batch.Calls))
	w.uint(uint64(len(batch.Calls)))
	for i := range batch.Calls {
		w.call(&batch.Calls[i])
	}
	w.uint(uint64(len(batch.Parents)))
	for i := range batch.Parents {
		p := &batch.Parents[i]
		w.b = append(append(append(w.b, p.Trace[:]...), p.Span[:]...), p.Parent[:]...)
		w.bool(p.Tool)
	}
	return w.end(len(b))
}

// AppendCommit appends what a commit changed to bytes.
func AppendCommit(b []byte, c *Commit) []byte {
	needed := versionPlain
	for i := range c.Changes {
		needed = max(needed, formatOf(c.Changes[i].Call))
	}
	w := newWriter(b, kindCommit, needed)
	w.time(c.At)
	w.bool(c.Records)
	w.uint(uint64(len(c.Changes)))
	for i := range c.Changes {
		w.int(c.Changes[i].N)
		w.call(c.Changes[i].Call)
	}
	return w.end(len(b))
}

func (w *writer) uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) int(n int64)   { w.b = binary.AppendVarint(w.b, n) }

func (w *writer) bool(yes bool) {
	n := byte(0)
	if yes {
		n = 1
	}
	w.b = append(w.b, n)
}

func (w *writer) text(s string) {
	n, known := w.texts[s]
	if !known {
		n = uint64(len(w.texts))
		w.texts[s] = n
	}
	w.uint(n)
	if !known {
		w.uint(uint64(len(s)))
		w.b = append(w.b, s...)
	}
}

// time writes a time by the difference to the one before, in seconds, and its nanoseconds.
func (w *writer) time(t time.Time) {
	s := t.Unix()
	w.int(s - w.start)
	w.uint(uint64(t.Nanosecond()))
	w.start = s
}

func (w *writer) call(c *usage.Call) {
	w.head(c)
	w.time(c.Start)
	w.int(int64(c.Duration))
	w.int(int64(c.TTFT))
	w.b = append(w.b, byte(c.Signal), byte(c.Role), byte(c.Stream), byte(c.Tier), byte(c.Inherited))
	w.uint(uint64(c.Quality))
	w.int(int64(c.Status))
	for _, s := range texts(c) {
		w.text(*s)
	}
	if w.version >= versionAccounts {
		w.text(c.Account)
	}
	if w.version >= versionMessages {
		w.text(c.ErrorMessage)
	}
	w.b = binary.LittleEndian.AppendUint64(w.b, c.Process)
	w.tokens(&c.Tokens)
	if !c.Modalities.IsZero() {
		for _, n := range modalities(&c.Modalities) {
			w.int(*n)
		}
	}
	if c.Before != (usage.Tokens{}) {
		w.tokens(&c.Before)
	}
	w.int(int64(c.ReportedCost))
	w.int(int64(c.Cost))
}

// head writes what is there, and the identities.
func (w *writer) head(c *usage.Call) {
	flags := uint64(0)
	for _, f := range [...]struct {
		is   bool
		flag uint64
	}{
		{c.ID != usage.SpanRecordID(c.Trace, c.Span), hasID}, {!c.Trace.IsZero(), hasTrace}, {!c.Span.IsZero(), hasSpan},
		{!c.Parent.IsZero(), hasParent}, {!c.Modalities.IsZero(), hasModalities}, {c.Before != usage.Tokens{}, hasBefore},
		{c.SecondarySignal, isSecondary}, {c.HasReportedCost, hasReportedCost}, {c.Failed, isFailed},
	} {
		if f.is {
			flags |= f.flag
		}
	}
	w.uint(flags)
	if flags&hasID != 0 {
		w.b = append(w.b, c.ID[:]...)
	}
	if flags&hasTrace != 0 {
		w.b = append(w.b, c.Trace[:]...)
	}
	if flags&hasSpan != 0 {
		w.b = append(w.b, c.Span[:]...)
	}
	if flags&hasParent != 0 {
		w.b = append(w.b, c.Parent[:]...)
	}
}

func (w *writer) tokens(t *usage.Tokens) {
	w.b = append(w.b, byte(t.Fields))
	for _, n := range counts(t) {
		w.int(*n)
	}
}

// texts are the texts that a call has in all versions, in the order in which they are written.
func texts(c *usage.Call) [19]*string {
	return [...]*string{
		&c.SignalGroup, &c.Operation, &c.Provider, &c.RequestModel, &c.Model, &c.KeyFingerprint, &c.KeyDisplay, &c.User, &c.Service,
		&c.Environment, &c.Project, &c.Session, &c.Method, &c.Path, &c.ErrorType, &c.ResponseID, &c.RequestID, &c.Scope, &c.PriceVersion,
	}
}

func counts(t *usage.Tokens) [6]*int64 {
	return [...]*int64{&t.InputUncached, &t.CacheRead, &t.CacheWrite, &t.OutputText, &t.Reasoning, &t.CacheWrite1h}
}

func modalities(m *usage.Modalities) [8]*int64 {
	return [...]*int64{
		&m.AudioInput, &m.AudioCacheRead, &m.AudioOutput, &m.ImageInput, &m.ImageCacheRead, &m.ImageOutput, &m.VideoInput, &m.VideoOutput,
	}
}
