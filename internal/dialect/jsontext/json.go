package jsontext

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Member returns the text of a member of an object, or of an element of a list where the name is a
// number.
func Member(s, name string) (string, bool) {
	s = Trim(s)
	if s == "" {
		return "", false
	}
	switch s[0] {
	case '{':
		return field(s, name)
	case '[':
		n, err := strconv.ParseUint(name, 10, 8)
		if err != nil {
			return "", false
		}
		return element(s, int(n))
	}
	return "", false
}

func field(s, name string) (string, bool) {
	for i := spaces(s, 1); i < len(s) && s[i] == '"'; {
		end := quoted(s, i)
		if end < 0 {
			return "", false
		}
		key := s[i+1 : end-1]
		if i = spaces(s, end); i >= len(s) || s[i] != ':' {
			return "", false
		}
		from := spaces(s, i+1)
		to := value(s, from)
		if to < 0 {
			return "", false
		}
		if key == name {
			return s[from:to], true
		}
		if i = spaces(s, to); i >= len(s) || s[i] != ',' {
			return "", false
		}
		i = spaces(s, i+1)
	}
	return "", false
}

func element(s string, n int) (string, bool) {
	for i := spaces(s, 1); i < len(s) && s[i] != ']'; n-- {
		to := value(s, i)
		if to < 0 {
			return "", false
		}
		if n == 0 {
			return s[i:to], true
		}
		if i = spaces(s, to); i >= len(s) || s[i] != ',' {
			return "", false
		}
		i = spaces(s, i+1)
	}
	return "", false
}

// Members calls visit for each member of an object, until one is malformed.
func Members(s string, visit func(name, text string)) {
	s = Trim(s)
	if s == "" || s[0] != '{' {
		return
	}
	for i := spaces(s, 1); i < len(s) && s[i] == '"'; {
		end := quoted(s, i)
		if end < 0 {
			return
		}
		key := s[i+1 : end-1]
		if i = spaces(s, end); i >= len(s) || s[i] != ':' {
			return
		}
		from := spaces(s, i+1)
		to := value(s, from)
		if to < 0 {
			return
		}
		visit(key, s[from:to])
		if i = spaces(s, to); i >= len(s) || s[i] != ',' {
			return
		}
		i = spaces(s, i+1)
	}
}

// value returns the end of the value that begins at i; negative where there is none.
func value(s string, i int) int {
	if i >= len(s) {
		return -1
	}
	switch s[i] {
	case '"':
		return quoted(s, i)
	case '{', '[':
		depth := 0
		for i < len(s) {
			switch s[i] {
			case '"':
				if i = quoted(s, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	from := i
	for i < len(s) && strings.IndexByte(",]} \t\r\n", s[i]) < 0 {
		i++
	}
	if i == from {
		return -1
	}
	return i
}

// quoted returns the end of the string whose opening quote is at i; negative where it never ends.
func quoted(s string, i int) int {
	for i++; i < len(s); {
		n := strings.IndexByte(s[i:], '"')
		if n < 0 {
			return -1
		}
		i += n + 1
		back := 0
		for j := i - 2; j >= 0 && s[j] == '\\'; j-- {
			back++
		}
		if back%2 == 0 {
			return i
		}
	}
	return -1
}

func spaces(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// Trim returns a text without the spaces that it begins with.
func Trim(s string) string { return s[spaces(s, 0):] }

// Plain returns the value of a scalar's text: a string, a number, a boolean, or nil for null. Objects
// and lists stay texts.
func Plain(text string) any {
	if text == "" {
		return nil
	}
	switch text[0] {
	case '"':
		inner := text[1 : len(text)-1]
		if strings.IndexByte(inner, '\\') < 0 {
			return inner
		}
		var s string
		if json.Unmarshal([]byte(text), &s) == nil {
			return s
		}
		return inner
	case 't', 'f', 'n':
		switch text {
		case "true":
			return true
		case "false":
			return false
		case "null":
			return nil
		}
	}
	return plainNumber(text)
}

func plainNumber(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	return s
}
