package main

import (
	"context"
	"time"
)

// watchMemory looks at a process's resident memory until stop, which returns the most that it saw, in MB.
func watchMemory(p *process) (stop func() float64) {
	const pause = 100 * time.Millisecond
	ctx, end := context.WithCancel(context.Background())
	done := make(chan float64, 1)
	go func() {
		most := int64(0)
		for {
			if now, _, err := p.memory(); err == nil {
				most = max(most, now)
			}
			select {
			case <-ctx.Done():
				done <- float64(most) / mega
				return
			case <-time.After(pause):
			}
		}
	}()
	return func() float64 {
		end()
		return <-done
	}
}

// restingMemory is a process's resident memory once it has nothing to do, in MB.
func restingMemory(ctx context.Context, p *process) (float64, error) {
	if _, err := p.quietCPU(ctx); err != nil {
		return 0, err
	}
	now, _, err := p.memory()
	return float64(now) / mega, err
}
