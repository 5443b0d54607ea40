//go:build unix

package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// othersMay are the permissions of everybody who is neither the owner nor in the group.
const othersMay = 0o007

// Protect removes the permissions that others have on an existing database and its folder: a database contains who
// spent what, and password hashes. A folder that is shared with a group on purpose, and with nobody else, stays so. It
// returns notes of what was changed, and of what the operator has to change.
func Protect(path string) (notes []string) {
	path, err := filepath.Abs(path)
	if err != nil || checkFile(path) != nil { // what is no database of ours is left as it is
		return nil
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".lock", ".secret"} {
		info, err := os.Lstat(path + suffix)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&othersMay != 0 {
			notes = append(notes, tighten(path+suffix, info, 0o600))
		}
	}
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if err != nil || info.Mode().Perm()&othersMay == 0 {
		return notes
	}
	if info.Mode()&os.ModeSticky != 0 || !holdsOnly(folder, filepath.Base(path)) {
		return append(notes, fmt.Sprintf("others may list the data folder %s, which holds other files too; its database can be read by its owner only: "+
			"keep the database in a folder of its own", folder))
	}
	return append(notes, tighten(folder, info, 0o700))
}

// tighten sets the permissions of a file, and returns a note of it.
func tighten(path string, info os.FileInfo, to os.FileMode) string {
	was := info.Mode().Perm()
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int64(owner.Uid) != int64(os.Geteuid()) && os.Geteuid() != 0 {
		return fmt.Sprintf("others may open %s (mode %#o), and it belongs to another user: run chmod %#o on it, as that user", path, was, to)
	}
	err := os.Chmod(path, to)
	if now, statErr := os.Stat(path); err == nil && statErr == nil && now.Mode().Perm()&othersMay != 0 {
		return fmt.Sprintf("others may open %s (mode %#o), and its file system does not change that: keep the data on another one", path, was)
	}
	if err != nil {
		return fmt.Sprintf("others may open %s (mode %#o), and that could not be changed: %v; run chmod %#o on it", path, was, err, to)
	}
	return fmt.Sprintf("others could open %s (mode %#o); its mode is %#o now", path, was, to)
}

// holdsOnly reports whether a folder holds nothing but a database.
func holdsOnly(folder, database string) bool {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), database) && e.Name() != "lost+found" {
			return false
		}
	}
	return true
}
