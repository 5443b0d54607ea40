package block

import (
	"strings"
	"testing"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// FuzzOpen: bytes under a right checksum that this package never wrote are an error, or some record; never more.
func FuzzOpen(f *testing.F) {
	r := &store.Record{}
	r.ID[0], r.ResponseID, r.Model = 1, "response", "m"
	rows := []Row{{Record: r}, {Record: &store.Record{}}}
	order(rows)
	f.Add(false, EncodeFigures(rows, keepTest))
	r.Tier = usage.TierFlex
	f.Add(false, EncodeFigures(rows, keepTest))
	rows[0].IDs[account] = 7
	f.Add(false, EncodeFigures(rows, keepTest))
	f.Add(true, EncodeNames(rows, false))
	f.Add(true, EncodeNames(rows, true))
	r.ErrorMessage = "slow down"
	f.Add(true, EncodeNames(rows, false))
	r.ErrorMessage = strings.Repeat("slow down ", 9)
	f.Add(true, EncodeNames(rows, true))
	f.Fuzz(func(t *testing.T, names bool, b []byte) {
		for _, data := range [][]byte{b, seal(append([]byte(nil), b[:max(0, len(b)-checkedSize-padding)]...))} {
			if names {
				readNames(data)
			} else {
				readFigures(data)
			}
		}
	})
}

func readFigures(b []byte) {
	x, err := OpenFigures(b)
	if err != nil || x.Complete() != nil {
		return
	}
	for i := range x.Rows() {
		var r store.Record
		x.Read(i, &r)
	}
}

func readNames(b []byte) {
	x, err := OpenNames(b)
	if err != nil {
		return
	}
	for i := range x.rows {
		var r store.Record
		_ = x.Read(i, &r)
	}
	_ = x.Search(Message, "a", func(int) {})
	for which := range FreeTexts {
		_ = x.Search(which, "a", func(int) {})
		_, _ = x.Texts(which)
	}
}
