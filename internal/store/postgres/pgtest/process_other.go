//go:build !linux

package pgtest

import (
	"os/exec"
	"syscall"
)

type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func run(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

func unprivileged() *syscall.SysProcAttr { return nil }

func own(string) error { return nil }
