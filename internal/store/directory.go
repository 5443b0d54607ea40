package store

// Directory keeps API keys, teams and budgets, and who may use the console. It is small data that people change: each change is on
// stable storage with its audit entry when its method returns. Its methods are safe for concurrent use.
type Directory interface {
	Keys
	Audit
	Users
	Sessions
	Tokens
	Budgets
}
