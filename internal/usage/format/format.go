// Package format numbers what stored calls may contain. Replicas of two versions share a database while they are replaced one
// after the other: the newer ones write nothing that an older one cannot read, and what needs more waits until those are
// gone.
package format

import "strconv"

// The formats. A program reads its newest one and all before.
const (
	Plain    = 1
	Accounts = 2 // calls have an upstream account
	Messages = 3 // failed calls have the message of their error
)

// newest is a text, so that tests can build a program of the version before: go build -ldflags "-X .../format.newest=1".
var newest = "3"

var number = func() int {
	n, err := strconv.Atoi(newest)
	if err != nil || n < Plain || n > Messages {
		panic("format: the newest format is " + strconv.Quote(newest)) // the program was not built so
	}
	return n
}()

// Newest is the newest format that this program reads and writes.
func Newest() int { return number }
