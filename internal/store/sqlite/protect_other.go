//go:build !unix

package sqlite

// Protect does nothing where files have no mode: a folder in the user's profile is the user's.
func Protect(string) []string { return nil }
