package block

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// versionMessages is the version of names with the messages of errors.
const versionMessages = 2

// mostMessages bounds the messages of a block: those of whatever wrote it are as bounded as the other texts.
const mostMessages = 4 << 20

// encodeMessages returns a bit for each row that has a message, the lengths of the messages, whether they are compressed,
// and they themselves one after another; nil where no row has one.
func encodeMessages(rows []Row, compress bool) []byte {
	size := (len(rows) + 7) / 8
	var b, raw []byte
	for i := range rows {
		m := rows[i].Record.ErrorMessage
		if m == "" {
			continue
		}
		if b == nil {
			b = make([]byte, size, size+3*len(rows))
		}
		b[i/8] |= 1 << (i % 8)
		b, raw = binary.AppendUvarint(b, uint64(len(m))), append(raw, m...)
	}
	if b == nil {
		return nil
	}
	const worthIt = 64
	if compress && len(raw) > worthIt {
		if small := compressor().EncodeAll(raw, nil); len(small) < len(raw) {
			return append(append(b, textsCompressed), small...)
		}
	}
	return append(append(b, textsPlain), raw...)
}

// messages are the messages of errors as a block has them.
type messages struct {
	have   part
	ends   []int  // where the message of each row that has one ends in all
	packed []byte // as they are stored

	unpack sync.Once // when one is asked for
	all    string
	err    error
}

// open reads all but the messages themselves; false where they are not as encodeMessages writes them.
func (m *messages) open(r reader, rows int) bool {
	m.have.have = r.Take(uint64((rows + 7) / 8))
	if r.Bad {
		return false
	}
	count, at := m.have.before(rows-1), 0
	if m.have.has(rows - 1) {
		count++
	}
	m.ends = make([]int, count)
	for i := range m.ends {
		n := r.Uvarint()
		if r.Bad || n == 0 || n > uint64(mostMessages-at) {
			return false
		}
		at += int(n)
		m.ends[i] = at
	}
	m.packed = r.B
	return count > 0 && len(m.packed) > 0
}

func (m *messages) unpacked() (string, error) {
	m.unpack.Do(func() {
		raw := m.packed[1:]
		if m.packed[0] == textsCompressed {
			if raw, m.err = decompressor().DecodeAll(raw, nil); m.err != nil {
				m.err = fmt.Errorf("%w: %w", ErrDamaged, m.err)
				return
			}
		}
		if m.all = string(raw); len(m.all) != m.ends[len(m.ends)-1] {
			m.err = ErrDamaged
		}
	})
	return m.all, m.err
}

// Message returns the message of the error of row i; "" where it has none.
func (n *Names) Message(i int) (string, error) {
	m := &n.messages
	if m.ends == nil || !m.have.has(i) {
		return "", nil
	}
	all, err := m.unpacked()
	if err != nil {
		return "", err
	}
	at, from := m.have.before(i), 0
	if at > 0 {
		from = m.ends[at-1]
	}
	return all[from:m.ends[at]], nil
}

// searchMessages is Search in the messages of errors.
func (n *Names) searchMessages(part string, found func(row int)) error {
	if n.messages.ends == nil && part != "" {
		return nil
	}
	for row := range n.rows {
		m, err := n.Message(row)
		if err != nil {
			return err
		}
		if ContainsLower(m, part) {
			found(row)
		}
	}
	return nil
}
