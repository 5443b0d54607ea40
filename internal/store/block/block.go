package block

import (
	"encoding/binary"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/format"
	"github.com/tokenboard/tokenboard/internal/varint"
)

// MaxRows is how many records a block holds at most.
const MaxRows = 256

// DictionaryKinds is how many texts a record shares with others: one of each kind of dictionary.
const DictionaryKinds = 11

// DictionaryIDs are the numbers of a record's shared texts in the caller's dictionaries, or Inline.
type DictionaryIDs [DictionaryKinds]uint32

// Row is a record with the numbers of its shared texts. Those texts are not read from the record.
type Row struct {
	Record *store.Record
	IDs    DictionaryIDs
}

// Column names a column of figures.
type Column uint8

// The columns: first the dictionaries of the texts, in the order of the texts, then numbers.
const (
	FirstDictionary Column = iota
	Status                 = Column(DictionaryKinds) + iota - 1
	State                  // see StateOf
	Fields                 // usage.TokenFields
	Quality                // usage.Quality
	Tier                   // usage.Tier; blocks of the versions 1 and 2 have no such column
	Start                  // Unix ns
	StoredAt               // Unix s
	Duration               // ns
	TTFT                   // ns
	InputUncached
	CacheRead
	CacheWrite
	CacheWrite1h
	OutputText
	Reasoning
	Cost // nano-USD
	ReportedCost
	columns
)

// account is the column of the texts that blocks of the versions 1 to 4 do not have: the last dictionary.
const account = Column(DictionaryKinds) - 1

// firstNumber is the first column that is no dictionary.
const firstNumber = Start

// The bits of the column State.
const (
	Counted uint64 = 1 << iota
	Failed
	reported
	reason0

	reasonBits     = 5
	inheritedShift = 3 + reasonBits
)

// StateOf returns what a record has in the column State.
func StateOf(r *store.Record) uint64 {
	s := uint64(r.Reason)*reason0 | uint64(r.Inherited)<<inheritedShift
	if r.Counted {
		s |= Counted
	}
	if r.Failed {
		s |= Failed
	}
	if r.HasReportedCost {
		s |= reported
	}
	return s
}

// ReasonOf returns the reason in a state.
func ReasonOf(state uint64) store.Reason { return store.Reason(state / reason0 % (1 << reasonBits)) }

func (r *Row) dictValue(c Column) uint64 {
	switch c {
	case Status:
		return uint64(r.Record.Status)
	case State:
		return StateOf(r.Record)
	case Fields:
		return uint64(r.Record.Tokens.Fields)
	case Quality:
		return uint64(r.Record.Quality)
	case Tier:
		return uint64(r.Record.Tier)
	default:
		return uint64(r.IDs[c])
	}
}

func number(r *store.Record, c Column) int64 {
	t := &r.Tokens
	switch c {
	case Start:
		return r.Start.UnixNano()
	case StoredAt:
		return r.StoredAt.Unix()
	case Duration:
		return int64(r.Duration)
	case TTFT:
		return int64(r.TTFT)
	case InputUncached:
		return t.InputUncached
	case CacheRead:
		return t.CacheRead
	case CacheWrite:
		return t.CacheWrite
	case CacheWrite1h:
		return t.CacheWrite1h
	case OutputText:
		return t.OutputText
	case Reasoning:
		return t.Reasoning
	case Cost:
		return int64(r.Cost)
	default:
		return int64(r.ReportedCost)
	}
}

// EncodeFigures returns the columns of 1 to MaxRows rows, which are in order: for each column two bytes that say where
// it begins, then the columns. Where there are inline texts, they follow, and the offset of them too. texts is called
// for these only.
func EncodeFigures(rows []Row, texts InlineTexts) []byte {
	var own inlineTable
	rows = own.numberInline(rows, texts)
	l := layout{accounts: anyAccount(rows), inline: len(own.texts) > 0}
	l.tiers = l.accounts || anyTier(rows)
	b := make([]byte, l.columnsAt(), 64+40*len(rows))
	b[0], b[1] = l.version(), byte(len(rows)-1)
	var d dictionary
	var numbers [MaxRows]int64
	for c := range columns {
		at := l.offsetAt(c)
		if at == 0 {
			continue
		}
		binary.LittleEndian.PutUint16(b[at:], uint16(len(b)))
		if c < firstNumber {
			d.fill(len(rows), func(i int) uint64 { return rows[i].dictValue(c) })
			b = d.append(b, len(rows))
			continue
		}
		last := int64(0)
		for i := range rows {
			numbers[i] = number(rows[i].Record, c)
			if c == Start { // ascending: the steps are small
				numbers[i], last = numbers[i]-last, numbers[i]
			}
		}
		if c == Start {
			b = binary.AppendVarint(b, numbers[0])
			numbers[0] = 0
		}
		b = appendInts(b, numbers[:len(rows)])
	}
	if l.inline {
		binary.LittleEndian.PutUint16(b[l.inlineAt():], uint16(len(b)))
		b = own.encode(b)
	}
	return seal(b)
}

// anyTier reports whether a record has a service tier.
func anyTier(rows []Row) bool {
	for i := range rows {
		if rows[i].Record.Tier != usage.TierUnknown {
			return true
		}
	}
	return false
}

// anyAccount reports whether a record has an upstream account.
func anyAccount(rows []Row) bool {
	for i := range rows {
		if rows[i].IDs[account] != 0 {
			return true
		}
	}
	return false
}

// Figures are the columns of a block. A column is read when it is asked for first: until Complete was
// called, they are for one goroutine at a time.
type Figures struct {
	b          []byte // without the checksum
	rows       int
	layout     layout
	bad        bool   // a column is not as EncodeFigures writes it
	ready      uint32 // a bit for each column that was read
	dicts      [firstNumber]Dict
	numbers    [columns - firstNumber]ints
	start      []int64
	room       []uint64 // for the dictionaries
	inlineAt   int      // where the inline texts begin; 0: there are none
	inlineRead bool
	inline     []string
}

var _ = [1]struct{}{}[columns>>5] // ready has a bit for each

// OpenFigures reads what EncodeFigures returned. It keeps the bytes.
func OpenFigures(b []byte) (*Figures, error) {
	r, err := unseal(b)
	if err != nil {
		return nil, err
	}
	if len(r.B) < 2 {
		return nil, ErrDamaged
	}
	l, known := layoutOf(r.B[0])
	if r.B[0] > versionAccountsInline || (l.accounts && format.Newest() < format.Accounts) {
		return nil, ErrNewer
	}
	if !known || len(r.B) < l.columnsAt()+padding {
		return nil, ErrDamaged
	}
	f := &Figures{b: r.B, rows: int(r.B[1]) + 1, layout: l}
	if l.inline {
		f.inlineAt = int(binary.LittleEndian.Uint16(r.B[l.inlineAt():]))
	}
	return f, nil
}

// Complete reads all columns. Then several goroutines may use them.
func (f *Figures) Complete() error {
	for c := range columns {
		f.read(c)
	}
	f.readInline()
	return f.Err()
}

// Err returns ErrDamaged where a column that was asked for is damaged; its values are zero then.
func (f *Figures) Err() error {
	if f.bad {
		return ErrDamaged
	}
	return nil
}

// read reads a column.
func (f *Figures) read(c Column) {
	if f.ready&(1<<c) != 0 {
		return
	}
	f.ready |= 1 << c
	offsetAt := f.layout.offsetAt(c)
	if offsetAt == 0 {
		f.dicts[c] = Dict{Values: absent, padded: absent}
		return
	}
	at := int(binary.LittleEndian.Uint16(f.b[offsetAt:]))
	r := &reader{varint.Reader{B: f.b[min(at, len(f.b)):]}}
	switch {
	case c < firstNumber:
		if f.room == nil {
			f.room = make([]uint64, 0, MaxRows)
		}
		f.dicts[c], f.room = readDict(r, f.rows, f.room)
	case c == Start:
		last := r.Varint()
		steps := readInts(r, f.rows)
		f.start = make([]int64, f.rows)
		for i := range f.start {
			if !r.Bad {
				last += steps.at(i)
			}
			f.start[i] = last
		}
	default:
		f.numbers[c-firstNumber] = readInts(r, f.rows)
	}
	f.bad = f.bad || r.Bad
}

// Rows is how many records there are.
func (f *Figures) Rows() int { return f.rows }

// Starts returns the start (Unix ns) of every row, ascending; not to be changed.
func (f *Figures) Starts() []int64 {
	f.read(Start)
	return f.start
}

// Dict returns a column that comes before Start.
func (f *Figures) Dict(c Column) *Dict {
	f.read(c)
	return &f.dicts[c]
}

// Dictionary returns the column of a kind of text.
func (f *Figures) Dictionary(kind int) *Dict { return f.Dict(FirstDictionary + Column(kind)) }

// Number returns a figure of row i of a column after Start.
func (f *Figures) Number(c Column, i int) int64 {
	f.read(c)
	return f.numbers[c-firstNumber].at(i)
}

// CostOf returns what the call of row i cost, and false where that is not known, see usage.Call.CostKnown.
func (f *Figures) CostOf(i int) (usage.NanoUSD, bool) {
	c := usage.Call{
		HasReportedCost: f.Dict(State).Value(i)&reported != 0,
		Quality:         usage.Quality(f.Dict(Quality).Value(i)),
	}
	c.Tokens.Fields = usage.TokenFields(f.Dict(Fields).Value(i))
	return usage.NanoUSD(f.Number(Cost, i)), c.CostKnown()
}

// TokensOf returns the tokens of row i.
func (f *Figures) TokensOf(i int) usage.Tokens {
	return usage.Tokens{
		InputUncached: f.Number(InputUncached, i), CacheRead: f.Number(CacheRead, i), CacheWrite: f.Number(CacheWrite, i),
		CacheWrite1h: f.Number(CacheWrite1h, i), OutputText: f.Number(OutputText, i), Reasoning: f.Number(Reasoning, i),
		Fields: usage.TokenFields(f.Dict(Fields).Value(i)),
	}
}

// countable are the columns of what sums count.
const countable = 1<<State | 1<<Fields | 1<<Quality | 1<<Cost |
	1<<InputUncached | 1<<CacheRead | 1<<CacheWrite | 1<<CacheWrite1h | 1<<OutputText | 1<<Reasoning

// ReadCountable reads what sums count of row i.
func (f *Figures) ReadCountable(i int, c *usage.Countable) {
	if f.ready&countable != countable {
		for column := range columns {
			if countable&(1<<column) != 0 {
				f.read(column)
			}
		}
	}
	n := &f.numbers
	c.Tokens.InputUncached, c.Tokens.CacheRead = n[InputUncached-firstNumber].at(i), n[CacheRead-firstNumber].at(i)
	c.Tokens.CacheWrite, c.Tokens.CacheWrite1h = n[CacheWrite-firstNumber].at(i), n[CacheWrite1h-firstNumber].at(i)
	c.Tokens.OutputText, c.Tokens.Reasoning = n[OutputText-firstNumber].at(i), n[Reasoning-firstNumber].at(i)
	c.Tokens.Fields = usage.TokenFields(f.dicts[Fields].Value(i))
	c.Cost = usage.NanoUSD(n[Cost-firstNumber].at(i))
	c.Quality = usage.Quality(f.dicts[Quality].Value(i))
	c.Failed = f.dicts[State].Value(i)&Failed != 0
}

// IDsOf returns the numbers of the texts of row i.
func (f *Figures) IDsOf(i int) (texts DictionaryIDs) {
	for k := range texts {
		texts[k] = uint32(f.Dictionary(k).Value(i))
	}
	return texts
}

// Read puts the figures of row i into a record, and returns the numbers of its texts.
func (f *Figures) Read(i int, r *store.Record) (texts DictionaryIDs) {
	texts = f.IDsOf(i)
	r.Status = int(f.Dict(Status).Value(i))
	state := f.Dict(State).Value(i)
	r.Counted, r.Failed, r.HasReportedCost = state&Counted != 0, state&Failed != 0, state&reported != 0
	r.Reason, r.Inherited = ReasonOf(state), usage.Inherited(state>>inheritedShift)
	r.Quality = usage.Quality(f.Dict(Quality).Value(i))
	r.Tier = usage.Tier(f.Dict(Tier).Value(i))
	r.Start = time.Unix(0, f.Starts()[i]).UTC()
	r.StoredAt = time.Unix(f.Number(StoredAt, i), 0).UTC()
	r.Duration, r.TTFT = time.Duration(f.Number(Duration, i)), time.Duration(f.Number(TTFT, i))
	r.Tokens = f.TokensOf(i)
	r.Cost, r.ReportedCost = usage.NanoUSD(f.Number(Cost, i)), usage.NanoUSD(f.Number(ReportedCost, i))
	return texts
}
