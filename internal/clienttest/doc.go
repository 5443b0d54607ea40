// Package clienttest tests the client against a real server. The client is a module of its own, which names
// nothing of the server.
package clienttest
