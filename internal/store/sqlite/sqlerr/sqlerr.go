// Package sqlerr turns SQLite's result codes into the store's errors.
package sqlerr

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Result codes of SQLite (https://www.sqlite.org/rescode.html).
const (
	codeReadOnly   = 8
	codeCorrupt    = 11
	codeNotADB     = 26
	codePrimaryKey = 1555
	codeUnique     = 2067
)

// Map wraps an error with what was being done, and with the error of package store that it means. Nil stays nil.
func Map(doing string, err error) error {
	if err == nil {
		return nil
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case codeCorrupt, codeNotADB:
			return fmt.Errorf("%s: %w (%w)", doing, store.ErrCorrupt, err)
		case codeReadOnly:
			return fmt.Errorf("%s: %w (%w)", doing, store.ErrReadOnly, err)
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Unique reports whether a row was refused because another one has its unique values.
func Unique(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && (se.Code() == codeUnique || se.Code() == codePrimaryKey)
}
