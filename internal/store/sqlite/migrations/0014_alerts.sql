-- Alert rules, what became of them, and where they are sent, see store.Alerts. alerts_version is that of the last change of a
-- rule or a channel.
INSERT INTO meta (name, value) VALUES ('alerts_version', 1);
CREATE TABLE alert_rules (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, name_folded TEXT NOT NULL UNIQUE, document TEXT NOT NULL,
	created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, version INTEGER NOT NULL
);
CREATE TABLE alert_states (
	rule TEXT NOT NULL, subject TEXT NOT NULL, data BLOB NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (rule, subject)
) WITHOUT ROWID;
CREATE TABLE alerts (
	id TEXT PRIMARY KEY, rule TEXT NOT NULL, subject TEXT NOT NULL, severity TEXT NOT NULL,
	started_at INTEGER NOT NULL, ended_at INTEGER, -- null while it fires
	document TEXT NOT NULL
);
CREATE INDEX alerts_started ON alerts (started_at, id);
CREATE INDEX alerts_ended ON alerts (ended_at);
CREATE INDEX alerts_rule ON alerts (rule);

-- document is what may be shown of a channel, secret the encrypted rest.
CREATE TABLE alert_channels (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, name_folded TEXT NOT NULL UNIQUE, document TEXT NOT NULL, secret BLOB NOT NULL,
	created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, version INTEGER NOT NULL
);

-- Notifications: the queue are those that wait.
CREATE TABLE alert_deliveries (
	id TEXT PRIMARY KEY, channel TEXT NOT NULL, rule TEXT NOT NULL, alert TEXT NOT NULL, notification TEXT NOT NULL,
	created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, next_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
	status TEXT NOT NULL, last_error TEXT NOT NULL, version INTEGER NOT NULL
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (next_at) WHERE status = 'waiting';
CREATE INDEX alert_deliveries_created ON alert_deliveries (created_at, id);
CREATE INDEX alert_deliveries_channel ON alert_deliveries (channel);
CREATE INDEX alert_deliveries_alert ON alert_deliveries (alert);
