package stream_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stream"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestEveryEventInEveryRole: what a live stream sends each role of the calls of others, which it may see or
// not: of a new call, a more complete delivery of one, one that ceases to count, one that comes to be another's, of
// events that were missed, and of the time of the last write. A member's stream is the same, byte for byte
// but for marks, whether others make calls or not.
func TestEveryEventInEveryRole(t *testing.T) {
	const hers, others = "alice's", "bob's"
	from := func(key string, n int, change func(*usage.Call)) usage.Batch {
		return consoletest.CallOf(n, func(c *usage.Call) {
			c.KeyFingerprint = usage.Fingerprint(key)
			if change != nil {
				change(c)
			}
		})
	}
	fuller := func(c *usage.Call) { c.Tokens.InputUncached += 1000; c.ResponseID = "r" }
	parent := func(c *usage.Call) { // what it stands for then ceases to count, or does itself
		c.Role, c.Span = usage.RoleAggregate, usage.SpanID{1}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
	}
	child := func(c *usage.Call) { c.Parent = usage.SpanID{1} }
	kinds := []struct {
		name string
		// made are commits of one key.
		made []func(*usage.Call)
		// heard is what who may see the key hears.
		heard []string
	}{
		{"a call", []func(*usage.Call){nil}, []string{"call"}},
		{"a more complete call", []func(*usage.Call){nil, fuller}, []string{"call", "call"}},
		{"a call that ceases to count", []func(*usage.Call){parent, child}, []string{"call", "superseded", "call"}},
		{"nothing new", []func(*usage.Call){nil, nil}, []string{"call"}},
	}
	for role := access.Member; role <= access.Admin; role++ {
		for i, kind := range kinds {
			for _, whose := range []string{hers, others} {
				t.Run(fmt.Sprint(role, " ", kind.name, " of ", whose), func(t *testing.T) {
					b := streamTown(t, hers, others)
					l := b.listenAs(t, access.Principal{ID: "usr_alice", Name: "alice", Role: role, Via: "session"}, "")
					first := l.next()
					require.Equal(t, "as_of", first.event)
					for _, change := range kind.made {
						b.Commit(from(whose, 10*i, change))
					}
					b.Commit(from(hers, 99, nil)) // the last that is heard
					var heard []string
					for {
						e := l.next()
						if e.event == "call" && strings.Contains(e.Data, `"input_tokens":99`) {
							break
						}
						if e.event != "as_of" {
							heard = append(heard, e.event)
						} else if role == access.Member {
							require.Contains(t, e.Data, consoletest.TestNow.Format("2006-01-02"), "the time at which it was sent, not that of a commit")
						}
					}
					if role == access.Member && whose == others {
						require.Empty(t, heard)
						require.Equal(t, "as_of", l.next().event)
						return
					}
					require.ElementsMatch(t, kind.heard, heard)
				})
			}
		}
		t.Run(fmt.Sprint(role, " a call that comes to be another's"), func(t *testing.T) {
			b := streamTown(t, hers, others)
			l := b.listenAs(t, access.Principal{ID: "usr_alice", Name: "alice", Role: role, Via: "session"}, "user=u0")
			l.want("as_of")
			b.Commit(from(hers, 3, nil))
			id := l.want("call").item(t).ID
			b.Commit(from(hers, 3, func(c *usage.Call) { fuller(c); c.User = "someone else" }))
			require.Contains(t, l.want("superseded").Data, id, "it matched, and does no more")
			b.Commit(from(hers, 4, func(c *usage.Call) { c.User = "someone else" }))
			b.Commit(from(hers, 4, func(c *usage.Call) { fuller(c); c.User = "another one" }))
			b.Commit(from(hers, 6, nil))
			for {
				e := l.next()
				require.NotEqual(t, "superseded", e.event, "it never matched")
				if e.event == "call" {
					break
				}
			}
		})
		t.Run(fmt.Sprint(role, " events missed"), func(t *testing.T) {
			b := streamTown(t, hers, others)
			p := access.Principal{ID: "usr_alice", Name: "alice", Role: role, Via: "session"}
			l := b.listenAs(t, p, "")
			l.want("as_of")
			for n := range 20 {
				b.Commit(from(others, n, nil))
			}
			mark := b.console.Stream.Mark(1)
			late := b.listenAs(t, p, "", mark)
			e := late.want("skipped")
			if role == access.Member {
				require.JSONEq(t, `{"count":null}`, e.Data)
				return
			}
			require.JSONEq(t, `{"count":12}`, e.Data)
		})
	}
}

// streamTown is a console with a real server whose requests act for whom they say, and two keys.
type streamTownBench struct {
	*consoletest.Bench
	console *console.Console
	url     string
}

func streamTown(t *testing.T, hers, others string) *streamTownBench {
	b, o := consoletest.OpenBench(t, nil)
	c := console.New(o)
	c.Stream.Keep(8)
	served := c.Router.Handler()
	b.Console, b.Served, b.Handler = c, served, c.Handler()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		role, _ := access.ParseRole(r.Header.Get("X-Role"))
		served.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Principal{ID: "usr_alice", Name: "alice", Role: role, Via: "session"})))
	}))
	t.Cleanup(func() {
		c.Close()
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	for name, owner := range map[string]string{hers: "alice", others: "bob"} {
		consoletest.Data[keys.Imported](b, "POST", "/keys/import", `{"keys":[{"name":"`+name+`","key":"`+name+`","owner":"`+owner+`"}]}`, 200)
	}
	return &streamTownBench{b, c, s.URL}
}

func (b *streamTownBench) listenAs(t *testing.T, p access.Principal, query string, last ...string) *live {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+api.Base+"/logs/stream?"+query, nil)
	require.NoError(t, err)
	req.Header.Set("X-Role", p.Role.String())
	if len(last) > 0 {
		req.Header.Set("Last-Event-ID", last[0])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, 200, res.StatusCode)
	return &live{t: t, cancel: cancel, res: res, in: bufio.NewReader(res.Body)}
}

// TestStreamsOfOnePerson: one person's streams leave room for those of others.
func TestStreamsOfOnePerson(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	c := console.New(console.Options{Ledger: b.Ledger, Directory: b.Directory, Version: "test"})
	defer c.Close()
	greedy := access.Principal{ID: "usr_1", Role: access.Member}
	for range stream.StreamsEach {
		err := c.Stream.Join(greedy)
		require.NoError(t, err)
	}
	err := c.Stream.Join(access.Principal{ID: "usr_1", Role: access.Member, Via: "token"})
	require.ErrorContains(t, err, "you have 20 live streams already")
	err = c.Stream.Join(access.Principal{ID: "usr_2"})
	require.NoError(t, err)
	c.Stream.Leave(greedy)
	err = c.Stream.Join(greedy)
	require.NoError(t, err)
}
