// Package database connects the parts of the PostgreSQL engine with the server: pools of connections, the schema and
// its migrations, transactions that have an identity, and errors in the store's terms.
//
// Only plain SQL is used: no session state, named prepared statement, advisory lock, LISTEN or extension. So PgBouncer
// in transaction mode can be between, and databases that speak PostgreSQL's protocol can carry it.
package database
