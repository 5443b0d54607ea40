package secret

import "strings"

// Secrets that are known by the name before them, in whatever form texts have pairs: JSON, the output of
// Python and Go, headers, environment variables, queries.

const (
	maxName  = 64 // bytes of a name that are looked at
	maxSpace = 8  // spaces between a name, its separator and its value
)

// pairKind says how a pair is written, which says what its value can be.
type pairKind uint8

const (
	plainPair  pairKind = iota
	quotedPair          // the name has quotes: JSON and the like
	queryPair           // in the query of a URL
)

// nameBefore reports whether the name of a secret precedes a separator.
func nameBefore(s string, at int) Certainty {
	c, _ := pairBefore(s, at)
	return c
}

func pairBefore(s string, at int) (Certainty, pairKind) {
	end, kind := at, plainPair
	for n := 0; end > 0 && n < maxSpace && s[end-1] == ' '; n++ {
		end--
	}
	if end > 0 && isQuote(s[end-1]) {
		kind = quotedPair
		end--
		for n := 0; end > 0 && n < maxSpace && s[end-1] == '\\'; n++ {
			end--
		}
	}
	if end > 0 && s[end-1] == ']' { // headers[authorization]
		end--
	}
	if end == 0 || lastWords[s[end-1]] == nil && !querySecret(s, end) {
		return Not, kind
	}
	from := end
	for from > 0 && end-from < maxName && (isAlnum(s[from-1]) || s[from-1] == '_' || s[from-1] == '-' || s[from-1] == '.') {
		from--
	}
	name := s[from:end]
	query := kind == plainPair && s[at] == '=' && end == at && from > 0 && (s[from-1] == '?' || s[from-1] == '&')
	if query {
		kind = queryPair
		if equalsAny(name, "key", "token", "sig", "signature", "x-amz-signature", "code") {
			return Sure, kind
		}
	}
	return Name(name), kind
}

// querySecret reports whether a name that is a secret only in a query may end at a place.
func querySecret(s string, end int) bool {
	return s[end-1]|' ' == 'g' || s[end-1]|' ' == 'e'
}

func equalsAny(name string, lower ...string) bool {
	for _, l := range lower {
		if strings.EqualFold(name, l) {
			return true
		}
	}
	return false
}

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// valueAfter finds the value behind a separator, where the name before it is the name of a secret, and the password in
// a URL.
func (x *scanner) valueAfter(at int) (f found, ok bool) {
	s := x.s
	if s[at] == ':' {
		if end := userAt(s, at); end != 0 {
			from := at + len("://")
			if i := strings.IndexByte(s[from:end], ':'); i >= 0 {
				from += i + 1
			}
			x.work += end - at
			return found{from, end, Redacted}, s[from:end] != Redacted && from < end
		}
	}
	certainty, kind := pairBefore(s, at)
	x.work += maxSpace
	if certainty == Not {
		return f, false
	}
	from := at + 1
	if s[at] == ':' && from < len(s) && s[from] == '=' || s[at] == '=' && from < len(s) && s[from] == '>' {
		from++
	}
	for n := 0; from < len(s) && n < maxSpace && (s[from] == ' ' || s[from] == '['); n++ {
		from++
	}
	from, end := x.value(from, kind)
	value := s[from:end]
	if !isSecret(value, certainty, kind, s[at]) {
		return f, false
	}
	return found{from, end, shownValue(value)}, true
}

// value finds where a value begins and ends: in quotes, with any number of backslashes before them, or up
// to what ends it.
func (x *scanner) value(from int, kind pairKind) (begin, end int) {
	s := x.s
	quote := from
	for quote < len(s) && s[quote] == '\\' && quote-from < maxSpace {
		quote++
	}
	if quote < len(s) && isQuote(s[quote]) {
		begin = quote + 1
		end = closing(s, begin, s[quote], quote-from)
		x.work += end - begin
		return begin, end
	}
	stops := &plainStops
	if kind == queryPair {
		stops = &queryStops
	}
	word := func(at int) int {
		for at < len(s) && !stops[s[at]] {
			at++
		}
		return at
	}
	end = word(from)
	if end < len(s) && kind == plainPair && s[end] == ' ' && isScheme(s[from:end]) {
		end = word(end + 1) // Authorization: Bearer x
	}
	for end+1 < len(s) && kind == plainPair && s[end] == ';' && s[end+1] == ' ' && strings.IndexByte(s[from:end], '=') >= 0 {
		next := word(end + 2) // Cookie: a=b; c=d
		if strings.IndexByte(s[end+2:next], '=') < 0 {
			break
		}
		end = next
	}
	x.work += end - from
	return from, end
}

// plainStops and queryStops end a value without quotes.
var plainStops, queryStops = stopsAt(",;&\"'`<>\\)}]|"), stopsAt("&\"'`<>#")

func stopsAt(bytes string) (at [256]bool) {
	for c := range ' ' + 1 {
		at[c] = true
	}
	for i := range len(bytes) {
		at[bytes[i]] = true
	}
	return at
}

// isDisplay reports whether a value is already the display form of a key.
func isDisplay(value string) bool {
	const longest = 16 // bytes
	return len(value) <= longest && strings.Contains(value, "…")
}

// closing finds the quote that ends a value; the end of the text where there is none.
func closing(s string, from int, quote byte, slashes int) int {
	for i := from; ; i++ {
		n := strings.IndexByte(s[i:], quote)
		if n < 0 {
			return len(s)
		}
		i += n
		before := 0
		for i-before > from && s[i-before-1] == '\\' {
			before++
		}
		if before == slashes || (slashes == 0 && before%2 == 0) {
			return i - min(before, slashes)
		}
	}
}

// isSecret reports whether the value after the name of a secret is one.
func isSecret(value string, certainty Certainty, kind pairKind, separator byte) bool {
	switch {
	case value == "" || value == Redacted || isDisplay(value):
		return false
	case kind == queryPair:
		return true
	case certainty == Sure && kind == plainPair && separator == '=':
		const least = 4 // bytes; what is shorter is rather a word of a text
		return len(value) >= least
	case certainty == Sure && kind == quotedPair:
		return !equalsAny(value, "null", "none", "nil", "true", "false", "undefined")
	default:
		return Looks(Bare(value)) || strings.Contains(value, "; ")
	}
}

// shownValue returns the form in which a value is shown: its display form if it is a key with a known shape.
func shownValue(value string) string {
	bare := Bare(value)
	x := scanner{s: bare}
	if bare != "" {
		if f, ok := x.at(0); ok && f.from == 0 && f.to == len(bare) {
			return f.with
		}
	}
	return Redacted
}

// userAt returns the end of the user and password of a URL whose "://" is at a position; 0 where it has none.
func userAt(s string, at int) int {
	if at+len("://") >= len(s) || s[at+1] != '/' || s[at+2] != '/' || at == 0 || !isAlnum(s[at-1]) {
		return 0
	}
	const longest = 512 // bytes
	from := at + len("://")
	part := s[from:min(len(s), from+longest)]
	end := strings.IndexAny(part, "@/?# \t\n\r\"'<>")
	if end <= 0 || part[end] != '@' {
		return 0
	}
	i := strings.IndexByte(part[:end], ':')
	if i < 0 || part[i+1:end] == "" || part[i+1:end] == Redacted {
		return 0 // a user alone
	}
	return from + end
}

// Query cuts keys out of the query of a URL, or of what is known to be a query, with its "?" or without it;
// where Gemini's API and others take them.
func Query(s string) (string, int) {
	if strings.IndexByte(s, '=') < 0 {
		return s, 0
	}
	if !strings.ContainsAny(s, "?/") {
		out, n := Text("?" + s)
		return out[1:], n
	}
	return Text(s)
}
