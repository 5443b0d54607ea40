package tokenstoreextension

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension/internal/metadata"
)

func TestConfig(t *testing.T) {
	usd := func(v float64) *float64 { return &v }
	tests := map[string]struct {
		want *Config
		errs []string
	}{
		"": {want: &Config{
			Engine: "sqlite", Postgres: defaultPostgres(), Directory: "/var/lib/tokenboard", Retention: Retention{MaxAge: 9600 * time.Hour, Interval: time.Minute},
			Correlation: Correlation{Window: 24 * time.Hour, MaxSpans: 200_000, Twins: true},
			Sums:        Sums{MaxValues: 20_000, SaveInterval: 5 * time.Minute},
			Series:      Series{Labels: []string{"provider", "model", "service", "key", "status"}, Max: 2_000},
			Pricing:     Pricing{Book: true, Prefer: "computed"},
		}},
		"prices": {want: &Config{
			Engine: "sqlite", Postgres: defaultPostgres(), Directory: "/var/lib/tokenboard", Retention: Retention{MaxAge: 9600 * time.Hour, Interval: time.Minute},
			Correlation: Correlation{Window: 24 * time.Hour, MaxSpans: 200_000, Twins: true},
			Sums:        Sums{MaxValues: 20_000, SaveInterval: 5 * time.Minute},
			Series:      Series{Labels: []string{"provider", "model", "service", "key", "status"}, Max: 2_000},
			Pricing: Pricing{Book: true, Prefer: "reported", Overrides: []PriceOverride{
				{Provider: "openai", Model: "gpt-4o*", From: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), Request: usd(.01),
					Amounts:      Amounts{Input: usd(1.5), Output: usd(6), CacheRead: usd(.75), CacheWrite1h: usd(3)},
					Tiers:        []PriceTier{{Above: 200_000, Amounts: Amounts{Input: usd(3), Output: usd(9)}}},
					ServiceTiers: map[string]ServiceTier{"batch": {Factor: usd(.4)}, "priority": {Amounts: Amounts{Input: usd(2.5)}}}},
			}},
		}},
		"wrongprices":      {errs: []string{"prefer must be computed or reported", `own price 1 (m): from: "soon" is neither a day`}},
		"nomodel":          {errs: []string{"own price 1 (no model): model is missing"}},
		"wrongservicetier": {errs: []string{"own price 1 (m): service_tiers: turbo: name batch, flex, priority, scale or other"}},
		"wrongtier":        {errs: []string{"own price 1 (m): tiers[0]: output has no price below the tier"}},
		"limits": {want: &Config{
			Engine: "sqlite", Postgres: defaultPostgres(),
			Directory:   "/var/lib/tokenboard",
			Retention:   Retention{MaxAge: 720 * time.Hour, MaxRecords: 1_000_000, MaxSizeMiB: 512, Interval: 5 * time.Minute},
			Correlation: Correlation{Window: 6 * time.Hour, MaxSpans: 100_000, Twins: true},
			Sums:        Sums{MaxValues: 5_000, SaveInterval: time.Minute},
			Series:      Series{Labels: []string{"model", "key"}, Max: 500},
			Pricing:     Pricing{Book: true, Prefer: "computed"},
		}},
		"nolabels": {want: &Config{
			Engine: "sqlite", Postgres: defaultPostgres(), Directory: "/var/lib/tokenboard", Retention: Retention{MaxAge: 9600 * time.Hour, Interval: time.Minute},
			Correlation: Correlation{Window: 24 * time.Hour, MaxSpans: 200_000, Twins: true},
			Sums:        Sums{MaxValues: 20_000, SaveInterval: 5 * time.Minute},
			Series:      Series{Labels: []string{}, Max: 2_000},
			Pricing:     Pricing{Book: true, Prefer: "computed"},
		}},
		"series": {errs: []string{`series: max must be positive`, `series: "colour" is no label; there are provider, model, service, key, status, account`, `the label "model" is there twice`}},
		"postgres": {want: &Config{
			Engine: "postgres", Retention: Retention{MaxAge: 9600 * time.Hour, Interval: time.Minute},
			Postgres: Postgres{
				DSN: "postgres://tokenboard@db1,db2/tokenboard?sslmode=verify-full", PasswordFile: "/run/secrets/password", KeySecretFile: "/run/secrets/keys",
				ApplicationName: "tb-1", MaxConnections: 8, ConnectTimeout: 2 * time.Second, StatementTimeout: time.Minute,
			},
			Correlation: Correlation{Window: 24 * time.Hour, MaxSpans: 200_000, Twins: true},
			Sums:        Sums{MaxValues: 20_000, SaveInterval: 5 * time.Minute},
			Series:      Series{Labels: []string{"provider", "model", "service", "key", "status"}, Max: 2_000},
			Pricing:     Pricing{Book: true, Prefer: "computed"},
		}},
		"nodsn":       {errs: []string{"dsn must be set", "key_secret or key_secret_file must be set"}},
		"wrongdsn":    {errs: []string{"dsn cannot be read", "max_connections must be at least 4", "not both"}},
		"wrongsecret": {errs: []string{"must be 64 hexadecimal digits"}},
		"wrongengine": {errs: []string{`engine must be sqlite or postgres, not "mysql"`}},
		"nodirectory": {errs: []string{"directory must be set"}},
		"negative":    {errs: []string{"limits must not be negative"}},
		"short":       {errs: []string{"max_age must be at least 1h", "window must be positive", "max_spans must be positive", "max_values and save_interval must be positive"}},
	}
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			part, err := all.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, part.Unmarshal(cfg))
			err = confmap.Validate(cfg)
			if tc.errs == nil {
				require.NoError(t, err)
				require.Equal(t, tc.want, cfg)
			}
			for _, want := range tc.errs {
				require.ErrorContains(t, err, want)
				require.NotContains(t, err.Error(), "hidden")
			}
		})
	}
}
