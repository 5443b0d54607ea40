// Package budget has what is used of budgets: of keys, users, teams, models, providers and of all calls. It keeps exact
// counters in memory, which follow the ledger's commits; what was spent before is read once, from the ledger's sums. It
// answers key checks about hard budgets, and projects what a budget will have at its end.
//
// A team is what its members are when the question is asked: where they change, what the team used is read again. A call
// counts once for a team, whatever number of its members it has.
//
// The package decides nothing about permission, and must never make the ledger wait: following a commit reads no record,
// however many budgets there are.
package budget
