//go:build unix

package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProtect(t *testing.T) {
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	for name, tc := range map[string]struct {
		folder, file, wantFolder, wantFile os.FileMode
		other                              bool // the folder holds something else
		notes                              int
	}{
		"made by us":               {0o700, 0o600, 0o700, 0o600, false, 0},
		"anybody reads":            {0o755, 0o644, 0o700, 0o600, false, 2},
		"anybody writes":           {0o777, 0o666, 0o700, 0o600, false, 2},
		"anybody enters":           {0o711, 0o600, 0o700, 0o600, false, 1},
		"a group, on purpose":      {0o750, 0o640, 0o750, 0o640, false, 0},
		"other files":              {0o755, 0o644, 0o755, 0o600, true, 2},
		"anybody reads the file":   {0o700, 0o604, 0o700, 0o600, false, 1},
		"sticky, as a folder /tmp": {0o777 | os.ModeSticky, 0o644, 0o777, 0o600, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "data")
			path := filepath.Join(folder, "t.db")
			e := open(t, path)
			require.NoError(t, e.Close())
			if tc.other {
				require.NoError(t, os.WriteFile(filepath.Join(folder, "page.html"), nil, 0o644))
			}
			require.NoError(t, os.Chmod(path, tc.file))
			require.NoError(t, os.Chmod(folder, tc.folder))
			require.NoError(t, os.Chmod(path+".lock", 0o600))
			notes := Protect(path)
			require.Len(t, notes, tc.notes, "%q", notes)
			for _, n := range notes {
				require.Contains(t, n, folder)
			}
			require.Equal(t, tc.wantFolder, mode(folder))
			require.Equal(t, tc.wantFile, mode(path))

			require.NoError(t, os.Chmod(path, tc.file))
			reopened, err := Open(context.Background(), Options{Path: path})
			require.NoError(t, err)
			require.Equal(t, tc.wantFile, mode(path), "whoever opens it")
			require.Zero(t, mode(path+"-wal")&othersMay)
			require.NoError(t, reopened.Close())
		})
	}
	require.Empty(t, Protect(filepath.Join(t.TempDir(), "nothing", "there.db")))
	foreign := filepath.Join(t.TempDir(), "t.db")
	require.NoError(t, os.WriteFile(foreign, []byte("this is no database"), 0o644))
	require.Empty(t, Protect(foreign))
	require.EqualValues(t, 0o644, mode(foreign), "a file of another program is left as it is")
}
