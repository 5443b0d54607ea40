package block

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/varint"
)

// Inline marks, in DictionaryIDs, a shared text that is not in the caller's dictionary: the block keeps it itself.
// Numbers of dictionaries are below it. A number that is read from a block has the text's place among the block's
// inline texts beside the mark, see Figures.InlineText.
const Inline = uint32(1) << 31

// InlineTexts returns the texts that a block keeps itself: for a kind of text of a record, the text as it is stored,
// and the name by which records are searched for.
type InlineTexts func(r *store.Record, kind int) (text, name string)

type inlineText struct {
	kind int
	text string
}

// inlineTable collects the texts that a block keeps itself.
type inlineTable struct {
	of    map[inlineText]uint32
	texts []string
}

// number returns the number of a text within the block.
func (o *inlineTable) number(kind int, text string) uint32 {
	k := inlineText{kind, text}
	n, known := o.of[k]
	if !known {
		if o.of == nil {
			o.of = map[inlineText]uint32{}
		}
		n = uint32(len(o.texts))
		o.of[k], o.texts = n, append(o.texts, text)
	}
	return Inline | n
}

// numberInline replaces the marks of rows by the numbers of the texts within the block. The rows are not changed.
func (o *inlineTable) numberInline(rows []Row, keep InlineTexts) []Row {
	out := rows
	for i := range rows {
		for k, n := range rows[i].IDs {
			if n&Inline == 0 {
				continue
			}
			if len(o.texts) == 0 {
				out = append([]Row(nil), rows...)
			}
			text, _ := keep(rows[i].Record, k)
			out[i].IDs[k] = o.number(k, text)
		}
	}
	return out
}

// encode appends how many texts there are and how long each is, whether they are compressed, and they
// themselves one after another.
func (o *inlineTable) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(o.texts)))
	var raw []byte
	for _, t := range o.texts {
		b = binary.AppendUvarint(b, uint64(len(t)))
		raw = append(raw, t...)
	}
	const worthIt = 128
	if len(raw) > worthIt {
		if small := compressor().EncodeAll(raw, nil); len(small) < len(raw) {
			return append(append(b, textsCompressed), small...)
		}
	}
	return append(append(b, textsPlain), raw...)
}

// readInline reads what encode returned, up to the end but for the padding.
func readInline(b []byte) ([]string, error) {
	r := reader{varint.Reader{B: b}}
	n := r.Uvarint()
	if n > MaxRows*DictionaryKinds {
		return nil, ErrDamaged
	}
	lengths := make([]uint64, n)
	total := uint64(0)
	for i := range lengths {
		if lengths[i] = r.Uvarint(); lengths[i] > maxTexts {
			return nil, ErrDamaged
		}
		total += lengths[i]
	}
	packed := r.Byte()
	if r.Bad || total > maxTexts || len(r.B) < padding {
		return nil, ErrDamaged
	}
	raw := r.B[:len(r.B)-padding]
	if packed == textsCompressed {
		var err error
		if raw, err = decompressor().DecodeAll(raw, nil); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	if uint64(len(raw)) != total {
		return nil, ErrDamaged
	}
	all := string(raw)
	out := make([]string, n)
	for i, length := range lengths {
		out[i], all = all[:length], all[length:]
	}
	return out, nil
}

// InlineText returns a text that the block keeps itself, by its number in DictionaryIDs or a column of a dictionary;
// false where the number is none of these.
func (f *Figures) InlineText(number uint64) (string, bool) {
	if number&uint64(Inline) == 0 {
		return "", false
	}
	f.readInline()
	i := number &^ uint64(Inline)
	if i >= uint64(len(f.inline)) {
		return "", false
	}
	return f.inline[i], true
}

func (f *Figures) readInline() {
	if f.inlineAt == 0 || f.inlineRead {
		return
	}
	f.inlineRead = true
	var err error
	if f.inlineAt > len(f.b) {
		f.bad = true
	} else if f.inline, err = readInline(f.b[f.inlineAt:]); err != nil {
		f.bad = true
	}
}

// NameNumber is the number that a Summary has for the name of a text that a block keeps itself. Names that are made to
// collide let blocks be read without need, and nothing else.
func NameNumber(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum32()
}
