package block

import (
	"encoding/binary"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// modalityCounts lists the counts in the order in which they are stored. New ones go to the end.
func modalityCounts(m *usage.Modalities) [8]*int64 {
	return [8]*int64{
		&m.AudioInput, &m.AudioCacheRead, &m.AudioOutput, &m.ImageInput, &m.ImageCacheRead, &m.ImageOutput, &m.VideoInput, &m.VideoOutput,
	}
}

// packModalities writes the counts as varints without the zeros at the end; nil where all are zero.
func packModalities(m usage.Modalities) []byte {
	if m.IsZero() {
		return nil
	}
	var b []byte
	end := 0
	for _, n := range modalityCounts(&m) {
		b = binary.AppendUvarint(b, uint64(max(*n, 0)))
		if *n > 0 {
			end = len(b)
		}
	}
	return b[:end]
}

// UnpackModalities is the reverse of packModalities.
func UnpackModalities(b []byte) (m usage.Modalities) {
	for _, n := range modalityCounts(&m) {
		v, size := binary.Uvarint(b)
		if size <= 0 {
			break
		}
		*n, b = int64(v), b[size:]
	}
	return m
}
