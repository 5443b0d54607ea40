-- +goose Up

-- Alert rules, what became of them, and where they are sent, see store.Alerts. Times are Unix ns. alerts_version is that of the
-- last change of a rule or a channel.
INSERT INTO meta (name, value) VALUES ('alerts_version', 1);
CREATE TABLE alert_rules (
	id text PRIMARY KEY, name text NOT NULL, name_folded text NOT NULL UNIQUE, document text NOT NULL,
	created_at bigint NOT NULL, updated_at bigint NOT NULL, version bigint NOT NULL
);
CREATE TABLE alert_states (
	rule text NOT NULL, subject text NOT NULL, data bytea NOT NULL, version bigint NOT NULL, PRIMARY KEY (rule, subject)
);
CREATE TABLE alerts (
	id text PRIMARY KEY, rule text NOT NULL, subject text NOT NULL, severity text NOT NULL,
	started_at bigint NOT NULL, ended_at bigint, -- null while it fires
	document text NOT NULL
);
CREATE INDEX alerts_started ON alerts (started_at, id COLLATE "C");
CREATE INDEX alerts_ended ON alerts (ended_at);
CREATE INDEX alerts_rule ON alerts (rule);

-- document is what may be shown of a channel, secret the encrypted rest.
CREATE TABLE alert_channels (
	id text PRIMARY KEY, name text NOT NULL, name_folded text NOT NULL UNIQUE, document text NOT NULL, secret bytea NOT NULL,
	created_at bigint NOT NULL, updated_at bigint NOT NULL, version bigint NOT NULL
);

-- Notifications: the queue are those that wait.
CREATE TABLE alert_deliveries (
	id text PRIMARY KEY, channel text NOT NULL, rule text NOT NULL, alert text NOT NULL, notification text NOT NULL,
	created_at bigint NOT NULL, updated_at bigint NOT NULL, next_at bigint NOT NULL, attempts bigint NOT NULL,
	status text NOT NULL, last_error text NOT NULL, version bigint NOT NULL
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (next_at) WHERE status = 'waiting';
CREATE INDEX alert_deliveries_created ON alert_deliveries (created_at, id COLLATE "C");
CREATE INDEX alert_deliveries_channel ON alert_deliveries (channel);
CREATE INDEX alert_deliveries_alert ON alert_deliveries (alert);

-- +goose Down
DROP TABLE alert_rules, alert_states, alerts, alert_channels, alert_deliveries;
DELETE FROM meta WHERE name = 'alerts_version';
