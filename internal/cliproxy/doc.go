// Package cliproxy talks to the management API of CLIProxyAPI: its usage queue, over HTTP and over
// the Redis protocol, and its list of client keys.
//
// It must never go on asking with a key that was refused: five wrong keys ban this machine's address
// from the proxy for half an hour. It never puts what the proxy answers into an error or a log line:
// answers hold keys in clear.
package cliproxy
