package jsontext

import (
	"strconv"
	"strings"
)

// maxDepth is how many levels of nesting of a Python value are read.
const maxDepth = 32

// IsPython reports whether a text begins like a Python dict, whose names have single quotes.
func IsPython(s string) bool {
	if s == "" || s[0] != '{' {
		return false
	}
	i := spaces(s, 1)
	return i < len(s) && s[i] == '\''
}

// Python returns the value of the text of a Python dict, list, string, number, True, False, None or simple object, as
// str() writes them: map[string]any, []any, string, int64, float64, bool, or nil for None and for what is none of these.
func Python(s string) any {
	p := pyParser{s: s}
	v, ok := p.value(0)
	if !ok {
		return nil
	}
	return v
}

// Dig follows a path of names and of numbers of elements through values that Python returned.
func Dig(v any, path string) (any, bool) {
	for more := true; more; {
		var name string
		name, path, more = strings.Cut(path, ".")
		switch m := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = m[name]; !ok {
				return nil, false
			}
		case []any:
			n, err := strconv.ParseUint(name, 10, 8)
			if err != nil || int(n) >= len(m) {
				return nil, false
			}
			v = m[n]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// pyParser reads the text of a Python dict, list, string, number, True, False, None or simple object, as
// str() writes them. It evaluates nothing.
type pyParser struct {
	s string
	i int
}

func (p *pyParser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// next takes one byte if it is the given one.
func (p *pyParser) next(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *pyParser) value(depth int) (any, bool) {
	p.space()
	if depth > maxDepth || p.i >= len(p.s) {
		return nil, false
	}
	switch c := p.s[p.i]; c {
	case '{':
		return p.dict(depth)
	case '[', '(':
		return p.list(depth)
	case '\'', '"':
		return p.quoted(c)
	default:
		return p.word(depth)
	}
}

func (p *pyParser) dict(depth int) (any, bool) {
	p.i++
	m := map[string]any{}
	for !p.next('}') {
		k, ok := p.value(depth + 1)
		if !ok || !p.next(':') {
			return nil, false
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		if name, isText := k.(string); isText {
			m[name] = v
		}
		if !p.next(',') && (p.i >= len(p.s) || p.s[p.i] != '}') {
			return nil, false
		}
	}
	return m, true
}

func (p *pyParser) list(depth int) (any, bool) {
	end := byte(']')
	if p.s[p.i] == '(' {
		end = ')'
	}
	p.i++
	var l []any
	for !p.next(end) {
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		l = append(l, v)
		if !p.next(',') && (p.i >= len(p.s) || p.s[p.i] != end) {
			return nil, false
		}
	}
	return l, true
}

func (p *pyParser) quoted(quote byte) (any, bool) {
	p.i++
	var b strings.Builder
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == quote:
			p.i++
			return b.String(), true
		case c == '\\' && p.i+1 < len(p.s):
			p.i++
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return nil, false
}

func (p *pyParser) word(depth int) (any, bool) {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte(",:=([]{})", p.s[p.i]) < 0 {
		p.i++
	}
	w := strings.TrimSpace(p.s[start:p.i])
	if p.i < len(p.s) && p.s[p.i] == '(' && w != "" {
		return p.object(depth)
	}
	switch w {
	case "":
		return nil, false
	case "None":
		return nil, true
	case "True":
		return true, true
	case "False":
		return false, true
	default:
		return plainNumber(w), true
	}
}

// object reads the text that an object has for itself: Usage(prompt_tokens=36, details=None).
func (p *pyParser) object(depth int) (any, bool) {
	p.i++
	m := map[string]any{}
	for !p.next(')') {
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		if name, isText := v.(string); isText && p.next('=') {
			if m[name], ok = p.value(depth + 1); !ok {
				return nil, false
			}
		}
		if !p.next(',') && (p.i >= len(p.s) || p.s[p.i] != ')') {
			return nil, false
		}
	}
	return m, true
}
