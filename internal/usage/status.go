package usage

import (
	"strconv"
	"strings"
)

// StatusFilter selects calls by their outcome: "ok", "error", an HTTP status code such as "429", or a class of codes such
// as "5xx". It is the one definition that every filter uses. The zero value selects none.
type StatusFilter struct {
	kind statusKind
	code int // or the first digit of a class
}

type statusKind uint8

const (
	statusNone statusKind = iota
	statusOK
	statusError
	statusCode
	statusClass
)

// ParseStatusFilter returns the filter that a text names; one that selects nothing where it names none.
func ParseStatusFilter(s string) StatusFilter {
	switch s {
	case "ok":
		return StatusFilter{kind: statusOK}
	case "error":
		return StatusFilter{kind: statusError}
	}
	digits, class := strings.CutSuffix(s, "xx")
	code, err := strconv.Atoi(digits)
	switch {
	case err != nil || code <= 0:
		return StatusFilter{}
	case class:
		return StatusFilter{kind: statusClass, code: code}
	}
	return StatusFilter{kind: statusCode, code: code}
}

// Matches reports whether a call with an HTTP status (0: unknown) and an outcome is selected.
func (f StatusFilter) Matches(status int, failed bool) bool {
	switch f.kind {
	case statusOK:
		return !failed
	case statusError:
		return failed
	case statusCode:
		return status == f.code
	case statusClass:
		return status/100 == f.code
	}
	return false
}
