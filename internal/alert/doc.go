// Package alert has the plain types of alerts: what a rule says, what a notification says. It evaluates nothing, sends nothing
// and stores nothing; those that do share these types and their JSON, which is stored.
package alert
