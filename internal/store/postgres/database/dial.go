package database

import (
	"net"
	"time"
)

// silence is how long a server's machine may say nothing, not even that data arrived, before its connection counts as lost. A
// server that is busy is not silent: its system answers. Without a bound, a network that loses everything holds a
// statement for a quarter of an hour.
const silence = 5 * time.Second

// dialer opens connections that end when the network to the server is cut.
func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence, Interval: time.Second, Count: 5},
		Control:         boundSilence,
	}
}
