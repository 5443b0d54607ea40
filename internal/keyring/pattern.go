package keyring

import "strings"

// matches reports whether a model matches a pattern, in which * matches any text, without regard to
// case.
func matches(pattern, model string) bool {
	pattern, model = strings.ToLower(pattern), strings.ToLower(model)
	p, m := 0, 0
	star, resume := -1, 0 // the last * and where its text ends so far
	for m < len(model) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, m
			p++
		case p < len(pattern) && pattern[p] == model[m]:
			p++
			m++
		case star >= 0:
			resume++
			p, m = star+1, resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func allows(patterns []string, model string) bool {
	for _, p := range patterns {
		if matches(p, model) {
			return true
		}
	}
	return len(patterns) == 0
}
