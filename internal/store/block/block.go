package block

import (
	"encoding/binary"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// MaxRows is how many records a block holds at most.
const MaxRows = 256

// Kinds is how many texts a record shares with others.
const Kinds = 10

// Texts are the numbers of a record's shared texts in the caller's table.
type Texts [Kinds]uint32

// Row is a record with the numbers of its shared texts. What these hold is not read from the record.
type Row struct {
	Record *store.Record
	Texts  Texts
}

// Column names a column of figures.
type Column uint8

// The columns: dictionaries first, those of the texts in their order, then numbers.
const (
	FirstText Column = iota
	Status           = Column(Kinds) + iota - 1
	State            // see StateOf
	Fields           // usage.TokenFields
	Quality          // usage.Quality
	Start            // Unix ns
	Seen             // Unix s
	Duration         // ns
	TTFT             // ns
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

// firstNumber is the first column that is no dictionary.
const firstNumber = Start

// The bits of the column State.
const (
	Counted uint64 = 1 << iota
	Failed
	reported
	reason0

	reasonBits = 5
	lentShift  = 3 + reasonBits
)

// StateOf gives what a record has in the column State.
func StateOf(r *store.Record) uint64 {
	s := uint64(r.Reason)*reason0 | uint64(r.Lent)<<lentShift
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

// ReasonOf gives the reason in a state.
func ReasonOf(state uint64) store.Reason { return store.Reason(state / reason0 % (1 << reasonBits)) }

func (r *Row) dictValue(c Column) uint64 {
	switch c {
	case Status:
		return uint64(r.Record.Status) //nolint:gosec // undone by Record
	case State:
		return StateOf(r.Record)
	case Fields:
		return uint64(r.Record.Tokens.Fields)
	case Quality:
		return uint64(r.Record.Quality)
	default:
		return uint64(r.Texts[c])
	}
}

func number(r *store.Record, c Column) int64 {
	t := &r.Tokens
	switch c {
	case Start:
		return r.Start.UnixNano()
	case Seen:
		return r.Seen.Unix()
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

// EncodeFigures gives the columns of 1 to MaxRows rows, which are in order.
func EncodeFigures(rows []Row) []byte {
	b := make([]byte, 0, 64+40*len(rows))
	b = append(b, version, byte(len(rows)-1))
	var d dictionary
	var numbers [MaxRows]int64
	for c := range firstNumber {
		d.fill(len(rows), func(i int) uint64 { return rows[i].dictValue(c) })
		b = d.append(b, len(rows))
	}
	for c := firstNumber; c < columns; c++ {
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
	return seal(b)
}

// Figures are the columns of a block.
type Figures struct {
	rows    int
	dicts   [firstNumber]Dict
	numbers [columns - firstNumber]ints
	start   []int64
}

// OpenFigures reads what EncodeFigures gave. It keeps the bytes.
func OpenFigures(b []byte) (*Figures, error) {
	r, err := unseal(b)
	if err != nil {
		return nil, err
	}
	if r.byte() != version {
		return nil, ErrDamaged
	}
	f := &Figures{rows: int(r.byte()) + 1}
	room := make([]uint64, 0, 2*MaxRows)
	for c := range f.dicts {
		f.dicts[c], room = readDict(r, f.rows, room)
	}
	for c := range f.numbers {
		at := int64(0)
		if Column(c)+firstNumber == Start {
			at = r.varint()
		}
		f.numbers[c] = readInts(r, f.rows)
		if Column(c)+firstNumber == Start && !r.bad {
			f.start = make([]int64, f.rows)
			for i := range f.start {
				at += f.numbers[c].at(i)
				f.start[i] = at
			}
		}
	}
	if r.bad || len(r.b) != padding {
		return nil, ErrDamaged
	}
	return f, nil
}

// Rows is how many records there are.
func (f *Figures) Rows() int { return f.rows }

// Starts gives the start (Unix ns) of every row, ascending; not to be changed.
func (f *Figures) Starts() []int64 { return f.start }

// Dict gives a column that comes before Start.
func (f *Figures) Dict(c Column) *Dict { return &f.dicts[c] }

// Text gives the column of a kind of text.
func (f *Figures) Text(kind int) *Dict { return &f.dicts[kind] }

// Number gives a figure of row i of a column after Start.
func (f *Figures) Number(c Column, i int) int64 { return f.numbers[c-firstNumber].at(i) }

// TextsOf gives the numbers of the texts of row i.
func (f *Figures) TextsOf(i int) (texts Texts) {
	for k := range texts {
		texts[k] = uint32(f.dicts[k].Value(i)) //nolint:gosec // written from one
	}
	return texts
}

// Read puts the figures of row i into a record, and gives the numbers of its texts.
func (f *Figures) Read(i int, r *store.Record) (texts Texts) {
	texts = f.TextsOf(i)
	r.Status = int(f.dicts[Status].Value(i)) //nolint:gosec // written from one
	state := f.dicts[State].Value(i)
	r.Counted, r.Failed, r.HasReportedCost = state&Counted != 0, state&Failed != 0, state&reported != 0
	r.Reason, r.Lent = ReasonOf(state), usage.Lent(state>>lentShift) //nolint:gosec // written from one
	r.Quality = usage.Quality(f.dicts[Quality].Value(i))             //nolint:gosec // written from one
	r.Start = time.Unix(0, f.start[i]).UTC()
	r.Seen = time.Unix(f.Number(Seen, i), 0).UTC()
	r.Duration, r.TTFT = time.Duration(f.Number(Duration, i)), time.Duration(f.Number(TTFT, i))
	r.Tokens = usage.Tokens{
		InputUncached: f.Number(InputUncached, i), CacheRead: f.Number(CacheRead, i), CacheWrite: f.Number(CacheWrite, i),
		CacheWrite1h: f.Number(CacheWrite1h, i), OutputText: f.Number(OutputText, i), Reasoning: f.Number(Reasoning, i),
		Fields: usage.TokenFields(f.dicts[Fields].Value(i)), //nolint:gosec // written from one
	}
	r.Cost, r.ReportedCost = usage.NanoUSD(f.Number(Cost, i)), usage.NanoUSD(f.Number(ReportedCost, i))
	return texts
}
