package secret

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Text cuts the secrets in a text: keys by their shape to their display form, values behind the
// name of a secret ("password=", "Authorization: ", JSON fields, queries and users of URLs) to Redacted. It
// returns the number of secrets that were cut. Its work grows with the length of the text alone.
func Text(s string) (string, int) {
	if len(s) < shortestText || !suspect(s) {
		return s, 0
	}
	x := scanner{s: s}
	return x.cut()
}

// shortestText is the length of the shortest text that can hold a secret, in bytes: "?key=x" is one.
const shortestText = 6

// display is the form of a key that people may see.
func display(key string) string { return usage.DisplayKey(key) }

// suspect reports whether a text may hold a secret, at little cost: most texts hold none.
func suspect(s string) bool {
	if len(s) >= shortestShape && (shaped(s) || (len(s) > zhipuID+zhipuRest && zhipuAt(s))) {
		return true
	}
	return separated(s, ':') || separated(s, '=')
}

const (
	lane  = 8 // bytes that are looked at together
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// shaped reports whether a shape may begin in a text, where a word begins. It looks for those eight bytes at a time.
func shaped(s string) bool {
	last := len(s) - shortestShape
	before := uint64(0) // 0x80 where the byte before is a letter or digit
	for i := 0; i <= last; i += lane {
		w := load(s, i)
		words := alnums(w)
		begins := words &^ (words<<8 | before)
		before = words >> 56
		for begins != 0 {
			at := i + bits.TrailingZeros64(begins)/8
			begins &= begins - 1
			pair := uint(s[at])<<8 | uint(s[at+1])
			if at <= last && starts[pair>>6]>>(pair&63)&1 != 0 && prefixAt(s, at) {
				return true
			}
		}
	}
	return false
}

// alnums sets the highest bit of each byte that is an ASCII letter or digit.
func alnums(w uint64) uint64 {
	low := w &^ highs
	lower := low | 0x20*ones
	letters := (lower + (0x80-'a')*ones) &^ (lower + (0x80-'z'-1)*ones)
	digits := (low + (0x80-'0')*ones) &^ (low + (0x80-'9'-1)*ones)
	return (letters | digits) & highs &^ w
}

func load(s string, i int) uint64 {
	var b [lane]byte
	copy(b[:], s[i:i+lane])
	return binary.LittleEndian.Uint64(b[:])
}

// prefixAt reports whether a shape may begin at a place.
func prefixAt(s string, at int) bool {
	rows := byFirst[s[at]]
	for i := range rows {
		p := rows[i].prefix
		if at+len(p) < len(s) && (s[at:at+len(p)] == p || (rows[i].fold && strings.EqualFold(s[at:at+len(p)], p))) {
			return true
		}
	}
	return false
}

// separated reports whether a name of a secret precedes a separator, or a URL may have a user.
func separated(s string, by byte) bool {
	for i := 0; ; i++ {
		n := strings.IndexByte(s[i:], by)
		if n < 0 {
			return false
		}
		i += n
		if nameBefore(s, i) != Not || (by == ':' && userAt(s, i) != 0) {
			return true
		}
	}
}

// scanner finds secrets in a text from left to right. It remembers how far runs of bytes go, so that no
// byte is looked at more than a few times.
type scanner struct {
	s    string
	runs [classes]struct{ from, to int }
	// Between mixedFrom and mixedAt there is neither a digit nor a capital.
	mixedFrom, mixedAt int

	work int // bytes that were looked at, for tests
}

// run returns the end of the bytes of one class that begin at a place.
func (x *scanner) run(at int, c class) int {
	r := &x.runs[c]
	if at >= r.from && at < r.to {
		return r.to
	}
	end := at
	for end < len(x.s) && members[x.s[end]][c] {
		end++
	}
	x.work += end - at
	r.from, r.to = at, end
	return end
}

// mixed reports whether a part of the text contains a digit or a capital.
func (x *scanner) mixed(from, to int) bool {
	if from < x.mixedFrom || from > x.mixedAt {
		x.mixedFrom, x.mixedAt = from, from
	}
	for x.mixedAt < to && !isDigit(x.s[x.mixedAt]) && !isUpper(x.s[x.mixedAt]) {
		x.mixedAt++
		x.work++
	}
	return x.mixedAt < to
}

// cut makes the text without its secrets.
func (x *scanner) cut() (string, int) {
	var out strings.Builder
	n, done := 0, 0
	for i := 0; i < len(x.s); {
		f, ok := x.at(i)
		if !ok || f.from < done {
			i++
			continue
		}
		out.WriteString(x.s[done:f.from])
		out.WriteString(f.with)
		done, i = f.to, max(f.to, i+1)
		n++
	}
	if n == 0 {
		return x.s, 0
	}
	out.WriteString(x.s[done:])
	return out.String(), n
}

// at finds the secret that begins at a position, or after a separator at it.
func (x *scanner) at(i int) (f found, ok bool) {
	x.work++
	switch c := x.s[i]; {
	case c == ':' || c == '=':
		return x.valueAfter(i)
	case isAlnum(c) && (i == 0 || !isAlnum(x.s[i-1])):
		if f, ok = x.shapeAt(i); ok {
			return f, ok
		}
		return x.zhipuKey(i)
	default:
		return f, false
	}
}

// Keys of Zhipu have no prefix: an id of 32 hexadecimal digits, a dot, and 16 letters and digits.
const (
	zhipuID   = 32
	zhipuRest = 16
)

func zhipuAt(s string) bool {
	for i := zhipuID; i < len(s); i++ {
		n := strings.IndexByte(s[i:], '.')
		if n < 0 {
			return false
		}
		i += n
		if members[s[i-1]][hex] && members[s[i-zhipuID]][hex] && len(s)-i > zhipuRest {
			return true
		}
	}
	return false
}

func (x *scanner) zhipuKey(at int) (f found, ok bool) {
	dot := at + zhipuID
	if dot+zhipuRest >= len(x.s) || x.s[dot] != '.' || x.run(at, hex) != dot {
		return f, false
	}
	end := x.run(dot+1, alnum)
	if end-dot-1 != zhipuRest {
		return f, false
	}
	return found{at, end, display(x.s[at:end])}, true
}
