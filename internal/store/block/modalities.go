package block

import (
	"encoding/binary"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// parts are the counts that few records have.
type parts struct {
	modalities usage.Modalities
	before     usage.Tokens
}

// counts lists the counts in the order in which they are stored. New ones go to the end.
func (p *parts) counts() [14]*int64 {
	m, b := &p.modalities, &p.before
	return [14]*int64{
		&m.AudioInput, &m.AudioCacheRead, &m.AudioOutput, &m.ImageInput, &m.ImageCacheRead, &m.ImageOutput, &m.VideoInput, &m.VideoOutput,
		&b.InputUncached, &b.CacheRead, &b.CacheWrite, &b.CacheWrite1h, &b.OutputText, &b.Reasoning,
	}
}

// packParts writes the counts as varints without the zeros at the end; nil where all are zero.
func packParts(p parts) []byte {
	if p == (parts{}) {
		return nil
	}
	var b []byte
	end := 0
	for _, n := range p.counts() {
		b = binary.AppendUvarint(b, uint64(max(*n, 0)))
		if *n > 0 {
			end = len(b)
		}
	}
	return b[:end]
}

// unpackParts is the reverse of packParts.
func unpackParts(b []byte) (p parts) {
	for _, n := range p.counts() {
		v, size := binary.Uvarint(b)
		if size <= 0 {
			break
		}
		*n, b = int64(v), b[size:]
	}
	return p
}
