// Package cli is the command line on Tokenboard's REST API: stats, trend, breakdown, logs, export and
// keys of a server that runs. It shows aligned tables to people, and the API's JSON with --json.
package cli
