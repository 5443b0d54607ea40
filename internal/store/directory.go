package store

// Admin is what an engine keeps besides calls: API keys, and who may use them. It is small data that
// people change, each change on disk when its method returns.
type Admin interface {
	Keys
	Audit
	Users
	Sessions
	Tokens
}
