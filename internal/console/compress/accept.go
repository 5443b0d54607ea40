// Package compress compresses answers with what their client accepts: brotli or gzip.
package compress

import (
	"strconv"
	"strings"
)

// BestCoding returns the coding of those that a client takes; "" for none.
func BestCoding(accepts string) string {
	for _, coding := range []string{"br", "gzip"} {
		if Accepts(accepts, coding) {
			return coding
		}
	}
	return ""
}

// Accepts reads an Accept-Encoding header: a coding that is listed and not refused by q=0.
func Accepts(accepts, coding string) bool {
	for item := range strings.SplitSeq(accepts, ",") {
		name, params, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q, found := strings.CutPrefix(strings.TrimSpace(params), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !found || err != nil || weight > 0
		}
	}
	return false
}
