package cliproxyreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
)

func attributeKey(s string) attribute.Key { return attribute.Key(s) }

// TestSubscribe: what was queued before comes first, then what is published; notices are no events.
func TestSubscribe(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	w.config.Proxies[0].Mode = modeSubscribe
	w.proxy.Emit(events(0, 30)...)
	w.start()
	w.eventually("the subscription", func() bool { return w.proxy.Subscribers() == 1 })
	w.proxy.Emit(events(100, 100)...)
	w.proxy.Refresh()
	w.proxy.Emit(events(200, 100)...)
	w.eventually("all events", func() bool { return w.next.len() == 230 })
	require.Equal(t, 1, w.next.mostOften())
	require.Zero(t, w.proxy.Queued())
	require.Zero(t, w.metric("receiver_cliproxy_unreadable_events"))

	w.proxy.DropSubscribers()
	w.proxy.Emit(events(300, 10)...) // nobody is subscribed: queued
	w.eventually("the events of the queue", func() bool { return w.next.len() == 240 })
	w.eventually("the next subscription", func() bool { return w.proxy.Subscribers() == 1 })
	require.EqualValues(t, 1, w.metric("receiver_cliproxy_gaps", "reason", gapSubscription))
	require.EqualValues(t, 1, w.metric("receiver_cliproxy_reconnects"))

	w.proxy.Down()
	w.proxy.Up()
	w.proxy.Emit(events(400, 10)...)
	w.eventually("events after a restart", func() bool { return w.next.len() == 250 })
	require.Equal(t, 1, w.next.mostOften())
	w.eventually("the next subscription", func() bool { return w.proxy.Subscribers() == 1 })
	w.stop()
	w.eventually("the end of it", func() bool { return w.proxy.Subscribers() == 0 })
}

// TestSubscribeNotOffered: v7.1.17 and v8 take no subscribers, and are pulled from.
func TestSubscribeNotOffered(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{NoRESP: true})
	w.config.Proxies[0].Mode = modeSubscribe
	w.proxy.Emit(events(0, 10)...)
	w.start()
	w.eventually("events", func() bool { return w.next.len() == 10 })
	w.proxy.Emit(events(10, 10)...)
	w.eventually("events", func() bool { return w.next.len() == 20 })
	require.Equal(t, 1, w.logs.FilterMessage("usage is pulled instead").Len(), "said once")
	require.False(t, w.proxy.Banned())
}

// TestStarved: while somebody else is subscribed, nothing arrives; the proxy's own counters show it.
func TestStarved(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	client, err := cliproxy.New(cliproxy.Options{Endpoint: w.proxy.URL(), Key: managementKey})
	require.NoError(t, err)
	other, err := client.Subscribe(t.Context(), nil)
	require.NoError(t, err)
	w.start()
	w.eventually("the first check", func() bool { return w.proxy.Pulls() > 2 })
	n := 0
	w.eventually("the other consumer", func() bool {
		w.proxy.Emit(events(n, 5)...)
		n += 5
		time.Sleep(5 * time.Millisecond)
		return w.metric("receiver_cliproxy_other_consumer") == 1
	})
	require.Zero(t, w.next.len())
	other.Close()
	w.eventually("events again", func() bool {
		w.proxy.Emit(events(n, 1)...)
		n++
		return w.next.len() > 0 && w.metric("receiver_cliproxy_other_consumer") == 0
	})
}

// TestSlowSubscriberIsDropped: the stand-in drops who is 256 events behind, as the proxy does.
func TestSlowSubscriberIsDropped(t *testing.T) {
	p := cliproxytest.Start(t, cliproxytest.Options{Key: managementKey})
	client, err := cliproxy.New(cliproxy.Options{Endpoint: p.URL(), Key: managementKey})
	require.NoError(t, err)
	s, err := client.Subscribe(t.Context(), nil)
	require.NoError(t, err)
	defer s.Close()
	big := make([]byte, 1<<16)
	for i := range big {
		big[i] = 'x'
	}
	for range 2000 { // more than the sockets and the slots hold
		p.Emit(`{"pad":"` + string(big) + `"}`)
	}
	require.Zero(t, p.Subscribers())
	require.NotZero(t, p.Queued(), "queued again once nobody is subscribed")
}
