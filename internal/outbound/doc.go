// Package outbound makes connections to servers that users name: the receivers of notifications.
//
// Whoever may name a server must not thereby reach what only this machine can reach: its own ports, the private
// network, the metadata service of a cloud. So a connection is made only to a public address, or to one that the
// configuration allows. The address is checked when it is dialled, after the name was resolved, so that a name that
// resolves differently the second time gains nothing. Redirects are not followed, no proxy of the environment is
// used, and without TLS only addresses are reached that the configuration allows.
//
// The package must never log or return what a request has in its address, headers or body: these hold secrets.
package outbound
