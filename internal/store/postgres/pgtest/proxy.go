package pgtest

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Proxy is a bad network before the server.
type Proxy struct {
	server   string
	listener net.Listener
	ends     sync.WaitGroup
	// Rewrite changes what the server sends, in the pieces in which it arrives; nil: nothing. It is set before the first
	// connection.
	Rewrite func([]byte) []byte
	// chance is how many pieces in 1,000 are the last of their connection.
	chance atomic.Int64
	frozen sync.RWMutex
	cuts   atomic.Int64
	mu     sync.Mutex
	open   map[net.Conn]bool // nil once it has ended
}

// Proxy starts a proxy before the server until the test ends. It forwards everything until it is told to do otherwise.
func (s *Server) Proxy(t testing.TB) *Proxy {
	t.Helper()
	s.Start(t)
	p := &Proxy{server: s.Address(), open: map[net.Conn]bool{}}
	var err error
	p.listener, err = net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it waits for nothing
	require.NoError(t, err)
	p.ends.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.mu.Lock()
		for c := range p.open {
			_ = c.Close()
		}
		p.open = nil
		p.mu.Unlock()
		p.ends.Wait()
	})
	return p
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Break makes so many of 1,000 pieces of data, in either direction, the last ones of their connection: the piece is lost,
// arrives in half or as a whole, and the connection ends at once, or stays silent for a moment before it does.
func (p *Proxy) Break(of1000 int64) { p.chance.Store(of1000) }

// Freeze lets nothing through, in either direction, until thaw is called: connections stay open, and are silent.
func (p *Proxy) Freeze() (thaw func()) {
	p.frozen.Lock()
	return p.frozen.Unlock
}

// Cuts is how many connections the proxy has ended.
func (p *Proxy) Cuts() int64 { return p.cuts.Load() }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server) //nolint:noctx // to this machine
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		ended := p.open == nil
		if !ended {
			p.open[client], p.open[server] = true, true
		}
		p.mu.Unlock()
		if ended {
			_, _ = client.Close(), server.Close()
			return
		}
		p.ends.Go(func() { p.forward(client, server, nil) })
		p.ends.Go(func() { p.forward(server, client, p.Rewrite) })
	}
}

// forward copies one direction until the connection ends, and then ends the other one too.
func (p *Proxy) forward(from, to net.Conn, rewrite func([]byte) []byte) {
	defer func() {
		_, _ = from.Close(), to.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, from)
		delete(p.open, to)
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		piece := buffer[:n]
		if rewrite != nil {
			piece = rewrite(piece)
		}
		last := rand.Int64N(1000) < p.chance.Load() //nolint:gosec // chance, not a secret
		if last {
			piece = piece[:len(piece)*rand.IntN(3)/2] //nolint:gosec // chance, not a secret
		}
		p.frozen.RLock()
		_, err = to.Write(piece)
		p.frozen.RUnlock()
		if err != nil {
			return
		}
		if last {
			p.cuts.Add(1)
			if rand.IntN(4) == 0 { //nolint:gosec // chance, not a secret
				time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond) //nolint:gosec // chance, not a secret
			}
			return
		}
	}
}
