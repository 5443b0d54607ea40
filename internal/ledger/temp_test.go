package ledger

import (
	"os"
	"path/filepath"
)

// tempDir is a folder for one draw of a property test, which t.TempDir would keep to the end.
type tempDir string

func filepathTemp() (tempDir, error) {
	d, err := os.MkdirTemp("", "ledger")
	return tempDir(d), err
}

func (d tempDir) sub(name string) string { return filepath.Join(string(d), name) }
func (d tempDir) remove()                { _ = os.RemoveAll(string(d)) }
