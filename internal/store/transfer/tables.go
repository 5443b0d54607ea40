package transfer

import "strings"

// Kind is the type of a column's values in a Row.
type Kind uint8

// The kinds. A value of a nullable column is nil where there is none.
const (
	Int   Kind = iota // int64
	Bool              // bool
	Text              // string
	Bytes             // []byte, never nil
)

// Column is a column of a table, under the name that the PostgreSQL engine gives it.
type Column struct {
	Name string
	Kind Kind
}

// Table is a table that every engine has, perhaps under other names of columns.
type Table struct {
	Name    string
	Columns []Column
}

// Names lists the names of the columns.
func (t *Table) Names() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// Row is a row of a table: a value for each of its columns, of the column's Kind, or nil.
type Row []any

// Tables lists the tables that are moved. A table or column that is added to the schema of an engine has to be added here,
// or to the engine's list of what is not moved: tests of the engines compare them with their schemas.
func Tables() []Table {
	return []Table{
		table("dims", "id", "kind", "value text"),
		table("writes", "id bytes"), // of the ledger, oldest first
		// bytes is the size of summary, figures and names together.
		table("blocks", "id", "hour", "first", "last", "records", "summary bytes", "bytes"),
		table("block_data", "id", "figures bytes", "names bytes"),
		table("recent", "seq", "data bytes"),
		table("links", "trace bytes", "span bytes", "parent bytes", "tool bool", "seen"),
		table("sums", "part", "day", "axis", "data bytes"),
		table("hours", "hour", "dirty bool", "seen"),
		table("series", "through", "data bytes"),
		table("changes", "seq", "data bytes"), // those that are not in the series
		table("forgotten", "fingerprint text", "start", "calls", "tokens", "cost"),
		table("api_keys", "id text", "name text", "name_folded text", "description text", "fingerprint text", "display text", "owner text",
			"imported bool", "created_at", "expires_at", "revoked_at", "disabled bool", "settings text", "version"),
		table("api_key_secrets", "fingerprint text", "key_id text", "place", "display text", "until"),
		table("users", "id text", "name text", "display_name text", "role text", "subject text", "password text", "disabled bool",
			"created_at", "seen_at", "version"),
		table("teams", "id text", "name text", "name_folded text", "description text", "members text", "created_at", "version"),
		table("budgets", "id text", "name text", "name_folded text", "scope text", "subject text", "cost bool", "amount", "period", "first",
			"hard bool", "created_at", "version"),
		table("views", "id text", "owner text", "name text", "name_folded text", "shared bool", "page text", "query text", "created_at", "version"),
		table("alert_rules", "id text", "name text", "name_folded text", "document text", "created_at", "updated_at", "version"),
		table("alert_states", "rule text", "subject text", "data bytes", "version"),
		table("alerts", "id text", "rule text", "subject text", "severity text", "started_at", "ended_at", "document text"),
		table("alert_channels", "id text", "name text", "name_folded text", "document text", "secret bytes", "created_at", "updated_at", "version"),
		table("alert_deliveries", "id text", "channel text", "rule text", "alert text", "notification text", "created_at", "updated_at",
			"next_at", "attempts", "status text", "last_error text", "version"),
		table("document_kinds", "kind text", "version"),
		table("documents", "kind text", "id text", "body text", "created_at", "updated_at", "version"),
		table("sessions", "hash bytes", "user_id text", "data bytes", "created_at", "seen_at", "expires_at"),
		table("api_tokens", "id text", "name text", "user_id text", "role text", "scope text", "hash bytes", "display text",
			"created_at", "expires_at", "used_at"),
		table("audit_log", "id", "time", "actor_id text", "actor_name text", "via text", "source_ip text", "action text",
			"target_type text", "target_id text", "target_name text", "before text", "after text", "class"),
	}
}

func table(name string, columns ...string) Table {
	t := Table{Name: name}
	for _, c := range columns {
		name, kind, _ := strings.Cut(c, " ")
		t.Columns = append(t.Columns, Column{name, map[string]Kind{"": Int, "bool": Bool, "text": Text, "bytes": Bytes}[kind]})
	}
	return t
}

// Values are what a database holds besides its tables.
type Values struct {
	AuditID int64 // the last id given to an entry of the audit log
	Keys    int64 // version of the last change of a key
	Change  int64 // the last number given to a change, or to a row of the memtable log
	// Meta is the numbers of the table meta that are not one engine's own, by name.
	Meta map[string]int64
}

// Ascends reports whether a number of Meta only has to ascend: a target that has given some already keeps its own where it
// is greater.
func Ascends(meta string) bool { return meta == "epoch" || strings.HasSuffix(meta, "_version") }

// follows reports whether values are a copy of others.
func (v Values) follows(of Values) bool {
	for name, value := range of.Meta {
		if got, ok := v.Meta[name]; !ok || got < value || got > value && !Ascends(name) {
			return false
		}
	}
	return len(v.Meta) == len(of.Meta) && v.AuditID >= of.AuditID && v.Keys >= of.Keys && v.Change >= of.Change
}
