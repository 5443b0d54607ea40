package sources

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBoard(t *testing.T) {
	var b Board
	require.Empty(t, b.States())
	removeB := b.Add(func() State { return State{Kind: "cliproxy", Name: "b"} })
	b.Add(func() State { return State{Kind: "cliproxy", Name: "a", Events: 3} })
	require.Equal(t, []State{{Kind: "cliproxy", Name: "a", Events: 3}, {Kind: "cliproxy", Name: "b"}}, b.States())
	removeB()
	removeB()
	require.Len(t, b.States(), 1)
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			remove := b.Add(func() State { return State{Name: "x"} })
			b.States()
			remove()
		}()
	}
	all.Wait()
	require.Len(t, b.States(), 1)
}
