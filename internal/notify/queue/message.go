package queue

import (
	"strings"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/notify/message"
)

// message is a stored notification as it is written to people.
func (q *Queue) message(delivery string, n *alert.Notification) message.Notification {
	m := message.Notification{
		Delivery: delivery, Alert: n.ID, Status: message.Status(n.State), Severity: message.Severity(n.Severity), Rule: n.RuleName, Kind: string(n.Kind),
		Subject: n.Subject, Value: quantity(n.Value, n.Unit), Limit: quantity(n.Limit, n.Unit), StartedAt: n.StartedAt,
	}
	if n.Limit == 0 {
		m.Limit = message.Quantity{}
	}
	if n.State == alert.Resolved {
		m.EndedAt = n.At
	}
	if n.Test {
		m.Status = message.Test
	}
	for _, c := range n.Causes[:min(len(n.Causes), alert.MaxCauses)] {
		m.Causes = append(m.Causes, message.Cause{Dimension: c.Dimension, Name: c.Name, Value: quantity(c.Value, c.Unit)})
	}
	if q.o.Page != "" && strings.HasPrefix(n.Path, "/") {
		m.Link = strings.TrimSuffix(q.o.Page, "/") + n.Path
	}
	return m
}

// quantity is none where there is no unit. The units have the same names.
func quantity(value float64, unit alert.Unit) message.Quantity {
	if unit == alert.NoUnit {
		return message.Quantity{}
	}
	return message.Quantity{Unit: message.Unit(unit), Value: value}
}
