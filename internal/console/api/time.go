package api

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a time parameter: RFC 3339, or Unix seconds.
func ParseTime(s string) (time.Time, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n < 0 || n > 1<<34 {
			return time.Time{}, errors.New("is not a time in Unix seconds that can be meant")
		}
		return time.Unix(n, 0).UTC(), nil
	}
	// "+" in a query is a blank; who forgot to encode it means a plus sign
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1))
	if err != nil {
		return time.Time{}, errors.New("is neither an RFC 3339 time (2026-11-24T00:00:00Z) nor Unix seconds")
	}
	if t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}, errors.New("is not a time that can be meant")
	}
	return t.UTC(), nil
}

// ParseRange reads the parameters from and to; where one is empty, its time is zero.
func ParseRange(from, to string) (begin, end time.Time, err error) {
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"from", from, &begin}, {"to", to, &end}} {
		if t.text == "" {
			continue
		}
		at, err := ParseTime(t.text)
		if err != nil {
			return begin, end, WithReason("time_unreadable", Invalid("query."+t.name, err.Error(), t.text))
		}
		*t.into = at
	}
	if !begin.IsZero() && !end.IsZero() && !begin.Before(end) {
		return begin, end, WithReason("range_empty", Invalid("query.to", "must be later than from", to))
	}
	return begin, end, nil
}

// Zone finds a time zone by its IANA name; the console's own where none is named.
func (e *Env) Zone(name string) (*time.Location, error) {
	if name == "" {
		return e.Location, nil
	}
	if loc, err := time.LoadLocation(name); err == nil && !strings.EqualFold(name, "local") {
		return loc, nil
	}
	return nil, WithReason("zone_unknown", Invalid("query.timezone", "is not a time zone of the IANA data base, such as Asia/Shanghai", name))
}

// OptionalTime returns nil for a time that is not there.
func OptionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
