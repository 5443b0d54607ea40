package pgtest

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// process is a program that ends when this one does.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// run starts a program. A thread of its own waits for it: the system ends the program with the thread that started it.
func run(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// unprivileged runs a program as another user than root.
func unprivileged() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if uid, gid, other := account(); other {
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return a
}

// account is the user that servers run as where this program is root's.
func account() (uid, gid int, other bool) {
	if os.Getuid() != 0 {
		return 0, 0, false
	}
	const nobody = 65534
	uid, gid = nobody, nobody
	if u, err := user.Lookup("postgres"); err == nil {
		id, err := strconv.Atoi(u.Uid)
		group, groupErr := strconv.Atoi(u.Gid)
		if err == nil && groupErr == nil {
			uid, gid = id, group
		}
	}
	return uid, gid, true
}

// own gives a folder and its contents to the user that servers run as.
func own(dir string) error {
	uid, gid, other := account()
	if !other {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, uid, gid) //nolint:gosec // nobody else can write there
	})
}
