package store

// Directory keeps API keys, who may use the console, teams and budgets, alerts, and documents. It is small data that people change: each
// change is on stable storage with its audit entry when its method returns. Its methods are safe for concurrent use.
type Directory interface {
	Keys
	Audit
	Users
	Sessions
	Tokens
	Budgets
	Alerts
	Documents
	Views
}
