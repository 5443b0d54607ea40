package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/format"
	"github.com/tokenboard/tokenboard/internal/varint"
)

// ErrDamaged reports bytes that nothing of this package wrote.
var ErrDamaged = errors.New("the bytes of the calls are damaged")

// ErrVersion reports bytes of a newer version of this package.
var ErrVersion = errors.New("the bytes of the calls are of a newer version")

// minCall is how many bytes a call takes at least.
const minCall = 48

type reader struct {
	varint.Reader
	texts   []string
	start   int64
	version byte
}

// open checks the bytes.
func open(b []byte, kind byte) (*reader, error) {
	const headSize, sumSize = 2, 4
	if len(b) < headSize+sumSize || crc32.Checksum(b[:len(b)-sumSize], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-sumSize:]) {
		return nil, ErrDamaged
	}
	if int(b[0]) > format.Newest() {
		return nil, fmt.Errorf("%w: %d", ErrVersion, b[0])
	}
	if b[0] < versionPlain || b[1] != kind {
		return nil, ErrDamaged
	}
	return &reader{Reader: varint.Reader{B: b[headSize : len(b)-sumSize]}, texts: []string{""}, version: b[0]}, nil
}

func (r *reader) end() error {
	if r.Bad || len(r.B) > 0 {
		return ErrDamaged
	}
	return nil
}

// Batch reads what AppendBatch wrote. Its texts do not refer to b.
func Batch(b []byte) (batch usage.Batch, err error) {
	r, err := open(b, kindBatch)
	if err != nil {
		return batch, err
	}
	n := r.number(minCall)
	batch.Calls = make([]usage.Call, n)
	for i := range batch.Calls {
		r.call(&batch.Calls[i])
	}
	const linkSize = 33
	batch.Parents = make([]usage.SpanParent, r.number(linkSize))
	for i := range batch.Parents {
		p := &batch.Parents[i]
		copy(p.Trace[:], r.Take(uint64(len(p.Trace))))
		copy(p.Span[:], r.Take(uint64(len(p.Span))))
		copy(p.Parent[:], r.Take(uint64(len(p.Parent))))
		p.Tool = r.Byte() != 0
	}
	return batch, r.end()
}

// ReadCommit reads what AppendCommit wrote.
func ReadCommit(b []byte) (c Commit, err error) {
	r, err := open(b, kindCommit)
	if err != nil {
		return c, err
	}
	c.At = r.time()
	c.Records = r.Byte() != 0
	n := r.number(minCall)
	calls := make([]usage.Call, n)
	c.Changes = make([]usage.Change, n)
	for i := range calls {
		c.Changes[i] = usage.Change{Call: &calls[i], N: r.Varint()}
		r.call(&calls[i])
	}
	return c, r.end()
}

// number reads a number of things of which each takes at least some bytes.
func (r *reader) number(least int) int {
	n := r.Uvarint()
	if n > uint64(len(r.B)/least) {
		r.Fail()
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.Uvarint()
	switch {
	case n < uint64(len(r.texts)):
		return r.texts[n]
	case n > uint64(len(r.texts)) || r.Bad:
		r.Fail()
		return ""
	}
	s := string(r.Take(r.Uvarint()))
	r.texts = append(r.texts, s)
	return s
}

func (r *reader) time() time.Time {
	r.start += r.Varint()
	nanos := r.Uvarint()
	if nanos >= uint64(time.Second) {
		r.Fail()
		return time.Time{}
	}
	return time.Unix(r.start, int64(nanos)).UTC()
}

func (r *reader) call(c *usage.Call) {
	flags := r.head(c)
	c.Start = r.time()
	c.Duration, c.TTFT = time.Duration(r.Varint()), time.Duration(r.Varint())
	c.Signal, c.Role, c.Stream = usage.Signal(r.Byte()), usage.Role(r.Byte()), usage.Tristate(r.Byte())
	c.Tier, c.Inherited = usage.Tier(r.Byte()), usage.Inherited(r.Byte())
	c.Quality, c.Status = usage.Quality(r.Uvarint()), int(r.Varint())
	for _, s := range texts(c) {
		*s = r.text()
	}
	if r.version >= versionAccounts {
		c.Account = r.text()
	}
	if r.version >= versionMessages {
		c.ErrorMessage = r.text()
	}
	if b := r.Take(8); len(b) == 8 {
		c.Process = binary.LittleEndian.Uint64(b)
	}
	r.tokens(&c.Tokens)
	if flags&hasModalities != 0 {
		for _, n := range modalities(&c.Modalities) {
			*n = r.Varint()
		}
	}
	if flags&hasBefore != 0 {
		r.tokens(&c.Before)
	}
	c.ReportedCost, c.Cost = usage.NanoUSD(r.Varint()), usage.NanoUSD(r.Varint())
}

func (r *reader) head(c *usage.Call) (flags uint64) {
	flags = r.Uvarint()
	if flags&hasID != 0 {
		copy(c.ID[:], r.Take(uint64(len(c.ID))))
	}
	if flags&hasTrace != 0 {
		copy(c.Trace[:], r.Take(uint64(len(c.Trace))))
	}
	if flags&hasSpan != 0 {
		copy(c.Span[:], r.Take(uint64(len(c.Span))))
	}
	if flags&hasParent != 0 {
		copy(c.Parent[:], r.Take(uint64(len(c.Parent))))
	}
	if flags&hasID == 0 {
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
	}
	c.SecondarySignal, c.HasReportedCost, c.Failed = flags&isSecondary != 0, flags&hasReportedCost != 0, flags&isFailed != 0
	return flags
}

func (r *reader) tokens(t *usage.Tokens) {
	t.Fields = usage.TokenFields(r.Byte())
	for _, n := range counts(t) {
		*n = r.Varint()
	}
}
