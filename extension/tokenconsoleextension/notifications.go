package tokenconsoleextension

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/notify/queue"
	"github.com/tokenboard/tokenboard/internal/notify/seal"
	"github.com/tokenboard/tokenboard/internal/notify/send"
	"github.com/tokenboard/tokenboard/internal/outbound"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Notifications says how notifications are sent to the channels that people set up.
type Notifications struct {
	// Allow are addresses besides the public ones that notifications may be sent to, as 10.0.0.0/8 or 127.0.0.1.
	Allow []string `mapstructure:"allow"`
	// PageURL is the console's page as people reach it, such as https://tokens.example.com/console, for links in messages.
	PageURL string `mapstructure:"page_url"`
	// Timeout is for one try to send one notification.
	Timeout time.Duration `mapstructure:"timeout"`
	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	defaultNotifyTimeout = 30 * time.Second
	maxNotifyTimeout     = 5 * time.Minute
)

func (n *Notifications) validate() error {
	var errs []error
	if _, err := n.policy(); err != nil {
		errs = append(errs, err)
	}
	if u, err := url.Parse(n.PageURL); n.PageURL != "" && (err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Scheme != "http" && u.Scheme != "https")) {
		errs = append(errs, errors.New("notifications: page_url must be an http or https address, without user and query, such as https://tokens.example.com/console"))
	}
	if n.Timeout < time.Second || n.Timeout > maxNotifyTimeout {
		errs = append(errs, fmt.Errorf("notifications: timeout must be 1s to %v", maxNotifyTimeout))
	}
	return errors.Join(errs...)
}

// policy reads Allow.
func (n *Notifications) policy() (p outbound.Policy, err error) {
	for _, text := range n.Allow {
		prefix, err := netip.ParsePrefix(text)
		if address, single := netip.ParseAddr(text); single == nil && address.Zone() == "" {
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return p, fmt.Errorf("notifications: allow: %q is no address and no range of addresses, such as 10.0.0.0/8", text)
		}
		p.Allow = append(p.Allow, prefix.Masked())
	}
	return p, nil
}

// notifications makes the queue that sends notifications, and gives the console what it needs of it.
func (s *server) notifications(l *ledger.Ledger, d store.Directory, o *console.Options) (*queue.Queue, error) {
	sealer, err := seal.New(l.DerivedKey("secrets of channels"))
	if err != nil {
		return nil, err
	}
	policy, err := s.config.Notifications.policy()
	if err != nil {
		return nil, err
	}
	q := queue.New(queue.Options{
		Store: d, Sealer: sealer, Page: s.config.Notifications.PageURL, Logger: s.set.Logger,
		Sender: &send.Sender{Client: outbound.New(outbound.Options{Policy: policy}), Location: o.Location, Timeout: s.config.Notifications.Timeout},
	})
	o.Sealer, o.Notify = sealer, q.Wake
	return q, nil
}
