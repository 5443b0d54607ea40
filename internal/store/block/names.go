package block

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"sort"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/format"
	"github.com/tokenboard/tokenboard/internal/varint"
)

// EncodeNames returns what only single records have, of 1 to MaxRows rows in order: the ids; then a section each of
// parents, superseding records, traces and spans of logs, and modalities, with a bit for each row that has one, and
// these; then, where there are some, the messages of errors; then the free texts. compress is for bytes that are stored for
// long.
func EncodeNames(rows []Row, compress bool) []byte {
	b := make([]byte, 0, 64+64*len(rows))
	messages := encodeMessages(rows, compress)
	v := byte(version)
	if messages != nil {
		v = versionMessages
	}
	b = append(b, v, byte(len(rows)-1))
	for i := range rows {
		b = append(b, rows[i].Record.ID[:]...)
	}
	var room [32 * MaxRows]byte
	for _, s := range sections {
		var have [MaxRows / 8]byte
		body := room[:0]
		for i := range rows {
			before := len(body)
			if body = s.append(body, rows[i].Record); len(body) > before {
				have[i/8] |= 1 << (i % 8)
			}
		}
		b = appendSection(b, have[:(len(rows)+7)/8], body)
	}
	if messages != nil {
		b = append(binary.AppendUvarint(b, uint64(len(messages))), messages...)
	}
	return seal(appendTexts(b, rows, compress))
}

func appendSection(b, have, body []byte) []byte {
	if len(body) == 0 {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(have)+len(body)))
	return append(append(b, have...), body...)
}

// sections are the parts of names that few records have. A size of 0 means that a length precedes each.
var sections = [...]struct {
	size   int
	append func([]byte, *store.Record) []byte
	read   func(*store.Record, []byte)
}{
	{
		8, func(b []byte, r *store.Record) []byte { return unlessZero(b, r.Parent[:]) },
		func(r *store.Record, v []byte) { copy(r.Parent[:], v) },
	},
	{
		24, func(b []byte, r *store.Record) []byte { return unlessZero(b, r.SupersededBy[:]) },
		func(r *store.Record, v []byte) { copy(r.SupersededBy[:], v) },
	},
	{
		16, func(b []byte, r *store.Record) []byte { return unlessSpan(b, r, r.Trace[:]) },
		func(r *store.Record, v []byte) { copy(r.Trace[:], v) },
	},
	{
		8, func(b []byte, r *store.Record) []byte { return unlessSpan(b, r, r.Span[:]) },
		func(r *store.Record, v []byte) { copy(r.Span[:], v) },
	},
	{0, appendParts, readParts},
}

// The sections that are read by themselves.
const (
	superseding = 1
	traces      = 2
	spans       = 3
)

func unlessZero(b, v []byte) []byte {
	for _, c := range v {
		if c != 0 {
			return append(b, v...)
		}
	}
	return b
}

// unlessSpan leaves out what is part of a span's id, see usage.SpanRecordID.
func unlessSpan(b []byte, r *store.Record, v []byte) []byte {
	if r.Signal == usage.SignalSpan {
		return b
	}
	return unlessZero(b, v)
}

func readParts(r *store.Record, v []byte) {
	p := unpackParts(v)
	r.Modalities, r.Before = p.modalities, p.before
}

func appendParts(b []byte, r *store.Record) []byte {
	packed := packParts(parts{r.Modalities, r.Before})
	if len(packed) == 0 {
		return b
	}
	return append(append(b, byte(len(packed))), packed...)
}

// compressor and decompressor are shared: EncodeAll and DecodeAll keep no state.
var (
	compressor = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(fmt.Sprintf("make a compressor: %v", err)) // the options are constants
		}
		return e
	})
	decompressor = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxTexts),
			zstd.WithDecoderLowmem(true))
		if err != nil {
			panic(fmt.Sprintf("make a decompressor: %v", err)) // the options are constants
		}
		return d
	})
)

// maxTexts bounds the free texts of a block: the decoders of telemetry bound the texts of one record.
const maxTexts = 64 << 20

const (
	textsPlain      = 0
	textsCompressed = 1
)

func appendTexts(b []byte, rows []Row, compress bool) []byte {
	var raw []byte
	var lengths [MaxRows]int64
	total := 0
	for which := range FreeTexts {
		for i := range rows {
			n := len(FreeText(rows[i].Record, which))
			lengths[i] = int64(n)
			total += n
		}
		raw = appendInts(raw, lengths[:len(rows)])
	}
	if total == 0 {
		return b
	}
	for which := range FreeTexts {
		for i := range rows {
			raw = append(raw, FreeText(rows[i].Record, which)...)
		}
	}
	const worthIt = 128
	if compress && len(raw) > worthIt {
		if small := compressor().EncodeAll(raw, nil); len(small) < len(raw) {
			return append(append(b, textsCompressed), small...)
		}
	}
	return append(append(b, textsPlain), raw...)
}

// Names are the ids and texts that the records of a block do not share.
type Names struct {
	rows   int
	ids    []byte
	parts  [len(sections)]part
	packed []byte // the texts as they are stored

	messages messages

	unpack sync.Once // when they are asked for
	texts  *texts
	err    error
}

// part is a section: which rows have it, and what they have one after another.
type part struct{ have, body []byte }

// has reports whether row i has the part.
func (p *part) has(i int) bool { return p.have[i/8]&(1<<(i%8)) != 0 }

// before counts the rows before row i that have the part.
func (p *part) before(i int) int {
	n := bits.OnesCount8(p.have[i/8] & (1<<(i%8) - 1))
	for _, b := range p.have[:i/8] {
		n += bits.OnesCount8(b)
	}
	return n
}

// valid reports whether a part of n rows is as EncodeNames writes it.
func (p *part) valid(n, size int) bool {
	count := p.before(n-1) + 1
	if !p.has(n - 1) {
		count--
	}
	if size > 0 {
		return len(p.body) == count*size
	}
	rest := p.body
	for range count {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return false
		}
		rest = rest[1+int(rest[0]):]
	}
	return len(rest) == 0
}

type texts struct {
	ends [FreeTexts][]int // where the text of each row ends in all
	from [FreeTexts]int
	all  string
}

// OpenNames reads what EncodeNames returned. It keeps the bytes.
func OpenNames(b []byte) (*Names, error) {
	r, err := unseal(b)
	if err != nil {
		return nil, err
	}
	v := r.Byte()
	if v > versionMessages || (v == versionMessages && format.Newest() < format.Messages) {
		return nil, ErrNewer
	}
	if v < version {
		return nil, ErrDamaged
	}
	n := &Names{rows: int(r.Byte()) + 1}
	n.ids = r.Take(uint64(n.rows * len(usage.ID{})))
	for i := range n.parts {
		s := r.section()
		if len(s.B) == 0 {
			continue
		}
		have := s.Take(uint64((n.rows + 7) / 8))
		p := part{have: have, body: s.B}
		if s.Bad || !p.valid(n.rows, sections[i].size) {
			return nil, ErrDamaged
		}
		n.parts[i] = p
	}
	if v == versionMessages && !n.messages.open(r.section(), n.rows) {
		return nil, ErrDamaged
	}
	if r.Bad || len(r.B) < padding {
		return nil, ErrDamaged
	}
	n.packed = r.B[:len(r.B)-padding]
	return n, nil
}

// ID returns the id of row i.
func (n *Names) ID(i int) (id usage.ID) {
	copy(id[:], n.ids[i*len(id):])
	return id
}

// Compare compares the id of row i with another.
func (n *Names) Compare(i int, id *usage.ID) int {
	return bytes.Compare(n.ids[i*len(id):(i+1)*len(id)], id[:])
}

// SupersededBy returns the id of the record that supersedes row i; zero where there is none.
func (n *Names) SupersededBy(i int) (id usage.ID) {
	copy(id[:], n.value(superseding, i))
	return id
}

// Text returns a free text of row i.
func (n *Names) Text(which, i int) (string, error) {
	t, err := n.unpacked()
	if err != nil {
		return "", err
	}
	if t.ends[which] == nil {
		return "", nil
	}
	from := t.from[which]
	if i > 0 {
		from = t.ends[which][i-1]
	}
	return t.all[from:t.ends[which][i]], nil
}

// Texts returns the texts of one kind of all rows one after another.
func (n *Names) Texts(which int) (string, error) {
	t, err := n.unpacked()
	if err != nil || t.ends[which] == nil {
		return "", err
	}
	return t.all[t.from[which]:t.ends[which][n.rows-1]], nil
}

func (n *Names) unpacked() (*texts, error) {
	n.unpack.Do(func() { n.texts, n.err = n.readTexts() })
	return n.texts, n.err
}

func (n *Names) readTexts() (*texts, error) {
	t := &texts{}
	if len(n.packed) == 0 {
		return t, nil
	}
	raw := n.packed[1:]
	if n.packed[0] == textsCompressed {
		var err error
		if raw, err = decompressor().DecodeAll(raw, nil); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	// the heads are followed by texts, which may be shorter than the padding that packed bits need
	r := reader{varint.Reader{B: append(raw[:len(raw):len(raw)], make([]byte, padding)...)}}
	end := len(r.B)
	var lengths [FreeTexts]ints
	for which := range lengths {
		lengths[which] = readInts(&r, n.rows)
	}
	if r.Bad {
		return nil, ErrDamaged
	}
	at := end - len(r.B)
	t.all = string(raw[min(at, len(raw)):])
	at = 0
	for which := range lengths {
		t.from[which] = at
		t.ends[which] = make([]int, n.rows)
		for i := range n.rows {
			length := lengths[which].at(i)
			if length < 0 || length > int64(len(t.all)-at) {
				return nil, ErrDamaged
			}
			at += int(length)
			t.ends[which][i] = at
		}
	}
	if at != len(t.all) {
		return nil, ErrDamaged
	}
	return t, nil
}

// Search calls found for every row whose text of one kind, put into lower case, contains a part; more than once where
// it does so more than once.
func (n *Names) Search(which int, part string, found func(row int)) error {
	if which == Message {
		return n.searchMessages(part, found)
	}
	t, err := n.unpacked()
	if err != nil || t.ends[which] == nil {
		return err
	}
	ends := t.ends[which]
	all := t.all[t.from[which]:ends[n.rows-1]]
	ascii, upper := letters(all)
	if !ascii { // lower case may be of another length
		begin := t.from[which]
		for row, end := range ends {
			if strings.Contains(strings.ToLower(t.all[begin:end]), part) {
				found(row)
			}
			begin = end
		}
		return nil
	}
	if part == "" {
		for row := range n.rows {
			found(row)
		}
		return nil
	}
	if upper {
		all = strings.ToLower(all)
	}
	for at := 0; ; at++ {
		next := strings.Index(all[at:], part)
		if next < 0 {
			return nil
		}
		at += next
		begin := t.from[which] + at
		row := sort.SearchInts(ends, begin+1)
		if row < n.rows && begin+len(part) <= ends[row] {
			found(row)
		}
	}
}

// letters reports whether a text is ASCII, and if so whether it may have upper-case letters: bytes from 64 to 95
// are taken for such.
func letters(s string) (ascii, upper bool) {
	const each = 0x0101010101010101
	var high, big uint64
	for len(s) >= 8 {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | // one load
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		high |= w
		big |= (w >> 6) &^ (w >> 5) & each
		s = s[8:]
	}
	for i := range len(s) {
		high |= uint64(s[i])
		big |= uint64(s[i]>>6&^(s[i]>>5)) & 1
	}
	return high&(each<<7) == 0, big != 0
}

// ContainsLower reports whether a text, put into lower case, contains a part that is in lower case.
func ContainsLower(text, part string) bool {
	if text == "" {
		return part == ""
	}
	if ascii, upper := letters(text); ascii && !upper {
		return strings.Contains(text, part)
	}
	return strings.Contains(strings.ToLower(text), part)
}

// TraceAndSpan returns the ids of the trace and the span of row i: of a span they are parts of its id.
func (n *Names) TraceAndSpan(i int, signal usage.Signal) (trace, span []byte) {
	if signal == usage.SignalSpan {
		id := n.ids[i*len(usage.ID{}) : (i+1)*len(usage.ID{})]
		return id[:16], id[16:]
	}
	return n.value(traces, i), n.value(spans, i)
}

// value returns the bytes of row i in a section; nil where it has none.
func (n *Names) value(section, i int) []byte {
	p := &n.parts[section]
	if p.have == nil || !p.has(i) {
		return nil
	}
	at := p.before(i)
	if size := sections[section].size; size > 0 {
		return p.body[at*size : (at+1)*size]
	}
	rest := p.body
	for range at {
		rest = rest[1+int(rest[0]):]
	}
	return rest[1 : 1+int(rest[0])]
}

// Read puts what row i does not share into a record whose signal is set.
func (n *Names) Read(i int, r *store.Record) error {
	r.ID = n.ID(i)
	for k := range sections {
		if v := n.value(k, i); v != nil {
			sections[k].read(r, v)
		}
	}
	if r.Signal == usage.SignalSpan {
		copy(r.Trace[:], r.ID[:16])
		copy(r.Span[:], r.ID[16:])
	}
	for which, into := range [...]*string{
		ResponseID: &r.ResponseID, RequestID: &r.RequestID, Session: &r.Session, Group: &r.SignalGroup,
	} {
		text, err := n.Text(which, i)
		if err != nil {
			return err
		}
		*into = text
	}
	var err error
	r.ErrorMessage, err = n.Message(i)
	return err
}
