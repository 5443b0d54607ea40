package store

import (
	"strconv"
	"strings"
)

// StatusMatch reports whether the outcome of a call is one that a filter or a term asks for. status is the HTTP status
// code; 0 where it is not known.
type StatusMatch func(status int, failed bool) bool

// ParseStatus returns the match of an outcome as filters and terms name it: ok, error, a code such as 429, or a class
// of codes such as 5xx. Anything else matches nothing.
func ParseStatus(s string) StatusMatch {
	code, err := strconv.Atoi(strings.TrimSuffix(s, "xx"))
	switch {
	case s == "ok":
		return func(_ int, failed bool) bool { return !failed }
	case s == "error":
		return func(_ int, failed bool) bool { return failed }
	case err != nil || code <= 0:
		return func(int, bool) bool { return false }
	case strings.HasSuffix(s, "xx"):
		return func(status int, _ bool) bool { return status/100 == code }
	}
	return func(status int, _ bool) bool { return status == code }
}

// StatusName returns the value of an outcome in totals by FieldStatus: the code where it is known, else ok or error.
func StatusName(status int, failed bool) string {
	switch {
	case status > 0:
		return strconv.Itoa(status)
	case failed:
		return "error"
	}
	return "ok"
}
