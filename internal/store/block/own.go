package block

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Own marks, in Texts, a shared text that is not in the caller's table: the block keeps it itself. Numbers
// of the table are below it. What is read from a block has the text's place among the block's own beside the
// mark, see Figures.Own.
const Own = uint32(1) << 31

// Keeper tells what a block keeps itself: of a kind of text of a record, the text as it is stored, and the
// name by which records are looked for.
type Keeper func(r *store.Record, kind int) (text, name string)

type ownText struct {
	kind int
	text string
}

// owns are the texts that a block keeps itself.
type owns struct {
	of    map[ownText]uint32
	texts []string
}

// number gives the number of a text within the block.
func (o *owns) number(kind int, text string) uint32 {
	k := ownText{kind, text}
	n, known := o.of[k]
	if !known {
		if o.of == nil {
			o.of = map[ownText]uint32{}
		}
		n = uint32(len(o.texts))
		o.of[k], o.texts = n, append(o.texts, text)
	}
	return Own | n
}

// ownTexts replaces the marks of rows by the numbers of the texts within the block. The rows are not changed.
func (o *owns) ownTexts(rows []Row, keep Keeper) []Row {
	out := rows
	for i := range rows {
		for k, n := range rows[i].Texts {
			if n&Own == 0 {
				continue
			}
			if len(o.texts) == 0 {
				out = append([]Row(nil), rows...)
			}
			text, _ := keep(rows[i].Record, k)
			out[i].Texts[k] = o.number(k, text)
		}
	}
	return out
}

// encode appends how many texts there are and how long each is, whether they are compressed, and they
// themselves one after another.
func (o *owns) encode(b []byte) []byte {
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

// readOwn reads what encode gave, up to the end but for the padding.
func readOwn(b []byte) ([]string, error) {
	r := reader{b: b}
	n := r.uvarint()
	if n > MaxRows*Kinds {
		return nil, ErrDamaged
	}
	lengths := make([]uint64, n)
	total := uint64(0)
	for i := range lengths {
		if lengths[i] = r.uvarint(); lengths[i] > maxTexts {
			return nil, ErrDamaged
		}
		total += lengths[i]
	}
	packed := r.byte()
	if r.bad || total > maxTexts || len(r.b) < padding {
		return nil, ErrDamaged
	}
	raw := r.b[:len(r.b)-padding]
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

// Own gives a text that the block keeps itself, by its number in Texts or a dictionary; false where it is none.
func (f *Figures) Own(number uint64) (string, bool) {
	if number&uint64(Own) == 0 {
		return "", false
	}
	f.readOwn()
	i := number &^ uint64(Own)
	if i >= uint64(len(f.own)) {
		return "", false
	}
	return f.own[i], true
}

func (f *Figures) readOwn() {
	if f.ownAt == 0 || f.ownRead {
		return
	}
	f.ownRead = true
	var err error
	if f.ownAt > len(f.b) {
		f.bad = true
	} else if f.own, err = readOwn(f.b[f.ownAt:]); err != nil {
		f.bad = true
	}
}

// NameNumber is the number that stands in a Summary for the name of a text that a block keeps itself. Whoever
// makes names that collide on purpose makes blocks to be read in vain, and nothing else.
func NameNumber(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum32()
}
