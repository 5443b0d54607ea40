// Package channel describes the kinds of channels that notifications are sent through, and checks their configuration.
//
// A channel's configuration has two parts. Settings may be shown. Secrets are written and never read back: no type of
// this package prints them, and no error holds a value.
package channel
