package cliproxytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// redis serves a connection that speaks the Redis protocol.
func (p *Proxy) redis(c net.Conn, r *bufio.Reader) {
	defer func() { _ = c.Close() }()
	known := false
	for {
		words, err := readCommand(r)
		if err != nil {
			return
		}
		p.mu.Lock()
		off := p.o.NoRESP || p.o.Key == ""
		p.mu.Unlock()
		switch strings.ToUpper(words[0]) {
		case "AUTH":
			switch {
			case off:
				_, _ = io.WriteString(c, "-ERR RESP AUTH disabled; use mTLS\r\n")
			case len(words) != 2 || p.check(words[1]) != http.StatusOK:
				_, _ = io.WriteString(c, "-ERR invalid password\r\n")
			default:
				known = true
				_, _ = io.WriteString(c, "+OK\r\n")
			}
		case "SUBSCRIBE":
			if !known {
				_, _ = io.WriteString(c, "-NOAUTH Authentication required.\r\n")
				continue
			}
			p.publish(c, r)
			return
		default:
			_, _ = io.WriteString(c, "-ERR unknown command\r\n")
		}
	}
}

// publish sends events until the subscriber goes or is dropped.
func (p *Proxy) publish(c net.Conn, r *bufio.Reader) {
	feed := make(chan string, subscriberSlots)
	feed <- `{"support_refresh":true}`
	p.mu.Lock()
	p.subscribers[feed] = true
	p.mu.Unlock()
	p.running.Add(1)
	go func() { // notices that the subscriber hangs up
		defer p.running.Done()
		_, _ = io.Copy(io.Discard, r)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.subscribers[feed] {
			delete(p.subscribers, feed)
			close(feed)
		}
	}()
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "*3\r\n$9\r\nsubscribe\r\n$5\r\nusage\r\n:1\r\n"); err != nil {
		return
	}
	for e := range feed {
		if _, err := fmt.Fprintf(c, "*3\r\n$7\r\nmessage\r\n$5\r\nusage\r\n$%d\r\n%s\r\n", len(e), e); err != nil {
			return
		}
	}
}

// Refresh sends the subscribers what is no event.
func (p *Proxy) Refresh() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.subscribers {
		s <- `{"refresh":true}`
	}
}

// DropSubscribers ends all subscriptions.
func (p *Proxy) DropSubscribers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropSubscribers()
}

func readCommand(r *bufio.Reader) ([]string, error) {
	number := func(kind byte) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" || line[0] != kind {
			return 0, errors.New("not the Redis protocol")
		}
		return strconv.Atoi(line[1:])
	}
	n, err := number('*')
	if err != nil || n < 1 || n > 16 {
		return nil, errors.New("not the Redis protocol")
	}
	words := make([]string, n)
	for i := range words {
		size, err := number('$')
		if err != nil || size < 0 || size > 1<<16 {
			return nil, errors.New("not the Redis protocol")
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		words[i] = string(b[:size])
	}
	return words, nil
}

// connections is a listener that returns the connections that speak HTTP.
type connections struct {
	ready   chan net.Conn
	closed  chan struct{}
	once    sync.Once
	address net.Addr
}

func (l *connections) add(c net.Conn) {
	select {
	case l.ready <- c:
	case <-l.closed:
		_ = c.Close()
	}
}

func (l *connections) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *connections) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *connections) Addr() net.Addr { return l.address }

// peeked is a connection of which the first bytes have been read.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (c peeked) Read(b []byte) (int, error) { return c.r.Read(b) }
