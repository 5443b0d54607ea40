package leaktest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { Main(m) }

// TestFind finds a goroutine that stays, and waits for one that ends late.
func TestFind(t *testing.T) {
	end := make(chan struct{})
	go func() { <-end }()
	require.ErrorContains(t, Find(0), "leaktest.TestFind")
	time.AfterFunc(2*time.Second, func() { close(end) })
	require.NoError(t, Find(patience))
}
