package ledger

import (
	"os"
	"syscall"
)

// inMemory puts the folders of tests into memory, where there is enough of it: the tests open a thousand small
// databases, each of which waits for its disk at every commit: most of their time. No test here is about a machine that
// loses power. Benchmarks stay on the disk.
func inMemory() {
	const folder, enough = "/dev/shm", 1 << 30 // bytes
	var s syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(folder, &s) != nil || s.Bavail*uint64(s.Bsize) < enough {
		return
	}
	if dir, err := os.MkdirTemp(folder, "ledger-test-"); err == nil { // it can be written to
		_ = os.Remove(dir)
		_ = os.Setenv("TMPDIR", folder)
	}
}
