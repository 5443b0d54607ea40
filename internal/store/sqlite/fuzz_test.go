package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
)

// FuzzOpenDamaged: a database of which bytes were changed, as a backup may be that is restored, opens or does
// not; what it then says is a record or an error.
func FuzzOpenDamaged(f *testing.F) {
	path := filepath.Join(f.TempDir(), "t.db")
	e, err := Open(ctx, Options{Path: path})
	require.NoError(f, err)
	require.NoError(f, e.Commit(ctx, store.Write{Put: []store.Record{storetest.FullRecord()}, At: start}))
	copied := path + ".backup"
	require.NoError(f, e.Backup(ctx, copied))
	require.NoError(f, e.Close())
	whole, err := os.ReadFile(copied)
	require.NoError(f, err)
	f.Add(uint32(0), []byte("SQLite format 4"))
	f.Add(uint32(100), []byte{13, 0, 0, 255, 255})
	f.Add(uint32(4096), []byte{2, 0, 0, 0})
	f.Add(uint32(1<<31), []byte{})
	f.Fuzz(func(t *testing.T, at uint32, b []byte) {
		data := append([]byte(nil), whole...)
		if int64(at) >= int64(len(data)) {
			data = data[:int64(at)%int64(len(data))]
		} else {
			copy(data[at:], b)
		}
		path := filepath.Join(t.TempDir(), "t.db")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		e, err := Open(ctx, Options{Path: path})
		if err != nil {
			return
		}
		_ = e.Scan(ctx, store.Filter{}, func(*store.Record) error { return nil })
		_, _, _ = find(e, storetest.FullRecord().ID, storetest.FullRecord().Start)
		_ = e.Commit(ctx, store.Write{Put: []store.Record{record(9, start)}, At: start})
		_ = e.Close()
	})
}
