package attack

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// connectionAttacks hold connections.
func connectionAttacks() []attack {
	return []attack{
		{"connections", "500 whose headers or body do not come", nil, silentConnections},
	}
}

func silentConnections(t *testing.T, b *target) string {
	const each = 100
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for i, begin := range []string{
		"POST " + api + "/keys/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
		"POST " + api + "/logs/import?format=ndjson HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
		"GET " + api + "/stats HTTP/1.1\r\nHost: localhost\r\nX-A:",
		"",
		"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
	} {
		address := b.console
		if i == 4 {
			address = b.otlp
		}
		for range each {
			c, err := net.Dial("tcp", address)
			require.NoError(t, err)
			_, err = io.WriteString(c, begin)
			require.NoError(t, err)
			open = append(open, c)
		}
	}
	begun, last := time.Now(), time.Duration(0)
	consoles := open[:4*each] // those for telemetry have a minute; they are closed at the end
	for _, c := range consoles {
		require.NoError(t, c.SetReadDeadline(begun.Add(40*time.Second)))
		_, err := io.Copy(io.Discard, c)
		require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "a connection is open after 40 s")
		last = time.Since(begun)
	}
	b.nobody.get("/ready").must(t, 200)
	return fmt.Sprintf("all ended after %.0f s", last.Seconds())
}

// streamAttacks hold live streams.
func streamAttacks() []attack {
	signsIn := []string{"local", "oidc"}
	return []attack{
		{"stream", "200 of one member", signsIn, streamsOfOne},
		{"stream", "after its token was revoked", signsIn, revokedStream},
		{"stream", "a member listens to others' calls", signsIn, otherCalls},
	}
}

// listen opens a live stream and returns its lines until it ends.
func (c *caller) listen(ctx context.Context) (status int, lines <-chan string) {
	res, err := c.open(ctx, http.MethodGet, api+"/logs/stream", nil)
	if err != nil {
		return 0, nil
	}
	out := make(chan string, 10_000)
	go func() {
		defer close(out)
		defer res.Body.Close()
		for in := bufio.NewScanner(res.Body); in.Scan(); {
			out <- in.Text()
		}
	}()
	return res.StatusCode, out
}

func streamsOfOne(t *testing.T, b *target) string {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	open := 0
	for range 60 {
		if status, _ := b.member.listen(ctx); status == 200 {
			open++
		}
	}
	require.LessOrEqual(t, open, 20)
	status, _ := b.other.listen(ctx)
	require.Equal(t, 200, status, "another member listens")
	return fmt.Sprintf("%d of 60 opened, and another member's beside them", open)
}

func revokedStream(t *testing.T, b *target) string {
	var made struct {
		Data struct{ ID, Token string }
	}
	b.viewer.post(api+"/tokens", map[string]any{"name": "stream", "role": "viewer"}).must(t, 201).read(t, &made)
	by := &caller{target: b, name: "token", header: map[string]string{"Authorization": "Bearer " + made.Data.Token}}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	status, lines := by.listen(ctx)
	require.Equal(t, 200, status)
	<-lines
	b.viewer.do(t.Context(), http.MethodDelete, api+"/tokens/"+made.Data.ID, nil).must(t, 200)
	begun := time.Now()
	for range lines {
	}
	took := time.Since(begun)
	require.Less(t, took, 5*time.Second, "half a second, on a machine that is not busy")
	return fmt.Sprintf("ended %.1f s after it", took.Seconds())
}

func otherCalls(t *testing.T, b *target) string {
	var key struct {
		Data struct{ ID, Key string }
	}
	b.other.post(api+"/keys", map[string]any{"name": "not yours"}).must(t, 201).read(t, &key)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	status, lines := b.member.listen(ctx)
	require.Equal(t, 200, status)
	for l := range lines {
		if strings.HasPrefix(l, "data:") {
			break // the first as_of
		}
	}
	<-lines // the end of that event
	for i := range 5 {
		one := call{id: 2_000_000 + i, start: time.Now(), model: "secret-model", key: key.Data.Key, input: 1, output: 1}
		b.calls(1, func(int) call { return one })
		one.more, one.input = map[string]string{"gen_ai.response.id": "r"}, 100 // more complete
		b.calls(1, func(int) call { return one })
	}
	time.Sleep(time.Second)
	require.Empty(t, lines, "a member receives events of others")
	stop()
	var page struct {
		Data struct{ Items []json.RawMessage }
	}
	b.member.get(api+"/logs").must(t, 200).read(t, &page)
	require.Empty(t, page.Data.Items)
	return "nothing is heard"
}

// browserAttacks are what other web pages have a browser send.
func browserAttacks() []attack {
	return []attack{{"browser", "frames, images, fetches and links of other pages, on every route", nil, otherPages}}
}

func otherPages(t *testing.T, b *target) string {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	b.nobody.get(api+"/openapi.json").must(t, 200).read(t, &doc)
	require.Greater(t, len(doc.Paths), 30)
	tried := 0
	for path, methods := range doc.Paths {
		if strings.Contains(path, "/forward-auth") {
			continue
		}
		for method := range methods {
			for _, site := range []string{"cross-site", "same-site"} {
				for _, dest := range []string{"iframe", "image", "script", "empty", "document", "embed"} {
					by := b.admin.with("Sec-Fetch-Site", site).with("Sec-Fetch-Dest", dest).with("Sec-Fetch-Mode", map[bool]string{true: "navigate", false: "no-cors"}[dest == "iframe" || dest == "document"])
					delete(by.header, "Origin")
					r := by.do(t.Context(), strings.ToUpper(method), strings.NewReplacer("{id}", "x", "{name}", "model", "{file}", "x").Replace(path), nil)
					require.NoError(t, r.err)
					require.Equal(t, 403, r.status, "%s %s for %s of %s", method, path, dest, site)
					tried++
				}
			}
		}
	}
	return fmt.Sprintf("%d requests refused", tried)
}
