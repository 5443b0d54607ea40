//go:build !linux

package ledger

func inMemory() {}
