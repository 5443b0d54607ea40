package cliproxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// ErrNoSubscribe says that the proxy does not speak the Redis protocol to us: v7.1.17 and v8 ask for
// client certificates, and a reverse proxy does not pass it on.
var ErrNoSubscribe = errors.New("the proxy takes no subscribers; use mode: pull")

// channel is the name of the usage feed.
const channel = "usage"

// Subscription is the usage feed over the Redis protocol. While there is one, the proxy queues
// nothing, and it drops a subscriber that is 256 events behind.
type Subscription struct {
	conn  net.Conn
	r     *bufio.Reader
	unarm func() bool
}

// Subscribe opens the feed; it ends when ctx does. config is nil for a proxy without TLS.
func (c *Client) Subscribe(ctx context.Context, config *tls.Config) (*Subscription, error) {
	if c.Refused() {
		return nil, ErrRefused
	}
	conn, err := c.dial(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w: %w", ErrUnreachable, err)
	}
	s := &Subscription{conn: conn, r: bufio.NewReaderSize(conn, 1<<16), unarm: context.AfterFunc(ctx, func() { _ = conn.Close() })}
	_ = conn.SetDeadline(time.Now().Add(handshakePatience))
	if err := s.open(c); err != nil {
		s.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	return s, nil
}

const handshakePatience = 10 * time.Second

func (c *Client) dial(ctx context.Context, config *tls.Config) (net.Conn, error) {
	address := c.base.Host
	if c.base.Port() == "" {
		address = net.JoinHostPort(c.base.Hostname(), map[string]string{"http": "80", "https": "443"}[c.base.Scheme])
	}
	ctx, cancel := context.WithTimeout(ctx, handshakePatience)
	defer cancel()
	if c.base.Scheme == "https" {
		return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

func (s *Subscription) open(c *Client) error {
	switch v, err := s.ask("AUTH", c.key); {
	case err != nil:
		return err
	case v.failed && (strings.Contains(v.text, "disabled") || strings.Contains(v.text, "unknown command")):
		return ErrNoSubscribe
	case v.failed: // a wrong key, counted like one sent by HTTP
		return c.refuse()
	}
	v, err := s.ask("SUBSCRIBE", channel)
	if err != nil {
		return err
	}
	if v.failed || len(v.list) < 2 || v.list[0].text != "subscribe" {
		return ErrNoSubscribe
	}
	return nil
}

func (s *Subscription) ask(words ...string) (value, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(s.conn, b.String()); err != nil {
		return value{}, fmt.Errorf("subscribe: %w: %w", ErrUnreachable, err)
	}
	v, err := readValue(s.r, 0)
	if err != nil {
		return value{}, fmt.Errorf("%w (%w)", ErrNoSubscribe, err) // what answers HTTP only hangs up
	}
	return v, nil
}

// Next waits for an event. Other messages of the feed are skipped.
func (s *Subscription) Next() ([]byte, error) {
	for {
		v, err := readValue(s.r, 0)
		if err != nil {
			return nil, fmt.Errorf("the subscription ended: %w", err)
		}
		if len(v.list) != 3 || v.list[0].text != "message" {
			continue
		}
		if event := v.list[2].text; !isNotice(event) {
			return []byte(event), nil
		}
	}
}

// isNotice reports whether a message is no event but says something of the feed itself:
// {"support_refresh":true}, {"refresh":true}.
func isNotice(message string) bool {
	var notice map[string]json.RawMessage
	if len(message) > 64 || json.Unmarshal([]byte(message), &notice) != nil || len(notice) != 1 {
		return false
	}
	return notice["support_refresh"] != nil || notice["refresh"] != nil
}

// Close ends the feed; Next returns then.
func (s *Subscription) Close() {
	s.unarm()
	_ = s.conn.Close()
}

// value is a value of the Redis protocol.
type value struct {
	text   string
	list   []value
	failed bool // an error, text says which
}

const (
	maxBulk  = 64 << 20
	maxDepth = 4
	maxItems = 1 << 20
)

func readValue(r *bufio.Reader, depth int) (value, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return value{}, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' || depth > maxDepth {
		return value{}, errors.New("this is not the Redis protocol")
	}
	kind, rest := line[0], string(line[1:len(line)-2])
	switch kind {
	case '+', ':':
		return value{text: rest}, nil
	case '-':
		return value{text: rest, failed: true}, nil
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n > maxBulk {
		return value{}, errors.New("this is not the Redis protocol")
	}
	switch {
	case kind == '$' && n < 0, kind == '*' && n < 0:
		return value{}, nil
	case kind == '$':
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return value{}, err
		}
		return value{text: string(b[:n])}, nil
	case kind == '*' && n <= maxItems:
		v := value{}
		for range n {
			item, err := readValue(r, depth+1)
			if err != nil {
				return value{}, err
			}
			v.list = append(v.list, item)
		}
		return v, nil
	}
	return value{}, errors.New("this is not the Redis protocol")
}
