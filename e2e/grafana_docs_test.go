package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestGrafanaExample follows examples/grafana/README.md on a clean folder as far as that goes without
// Grafana: its Prometheus scrapes a binary, and what its lines give to Grafana is complete and consistent.
func TestGrafanaExample(t *testing.T) {
	if _, err := exec.LookPath("prometheus"); err != nil && os.Getenv("TOKENBOARD_GRAFANA") == "" {
		t.Skip("prometheus is missing; sh tools/install-test-packages.sh installs it")
	}
	clean := t.TempDir()
	for _, dir := range []string{"examples/grafana", "dashboards"} {
		require.NoError(t, os.CopyFS(filepath.Join(clean, dir), os.DirFS(filepath.Join("..", dir))))
	}
	example := filepath.Join(clean, "examples", "grafana")
	readme, err := os.ReadFile(filepath.Join(example, "README.md"))
	require.NoError(t, err)
	t.Run("prometheus", func(t *testing.T) { requireExamplePrometheus(t, example, string(readme)) })
	t.Run("provisioning", func(t *testing.T) { requireProvisioning(t, clean, example, string(readme)) })
}

// command returns the first command of a document that begins with words, over as many lines as it has.
func command(t *testing.T, document, words string) string {
	t.Helper()
	c := regexp.MustCompile(`(?m)^(` + regexp.QuoteMeta(words) + `(?:.*\\\n)*.*)$`).FindString(document)
	require.NotEmpty(t, c, "no line of the README begins with %q", words)
	return c
}

func requireExamplePrometheus(t *testing.T, example, readme string) {
	p := run(t, t.TempDir(), keepAll...)
	address := freeAddress(t)
	line := strings.TrimSuffix(strings.TrimSpace(command(t, readme, "prometheus --config.file=prometheus.yml")), "&")
	require.Contains(t, line, "127.0.0.1:9090")
	line = strings.NewReplacer("127.0.0.1:9090", address, "/tmp/tokenboard-prometheus", t.TempDir()).Replace(line)
	file := filepath.Join(example, "prometheus.yml")
	config, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(config), `"127.0.0.1:8317"`)
	require.NoError(t, os.WriteFile(file, []byte(strings.NewReplacer("127.0.0.1:8317", strings.TrimPrefix(p.console, "http://"), "15s", "1s").Replace(string(config))), 0o600))
	cmd := exec.Command("sh", "-c", "exec "+line)
	cmd.Dir = example
	out := &buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s := &prometheusServer{name: "example", t: t, url: "http://" + address, out: out}
	require.Eventually(t, func() bool {
		all, err := s.query("tokenboard_store_records", false)
		return err == nil && len(all) == 1
	}, time.Minute, 100*time.Millisecond, "%s", out)
	var rules struct{ Groups []any }
	require.NoError(t, s.get("rules", nil, &rules))
	require.Empty(t, rules.Groups, "Grafana is provisioned with the alerts: they would come twice")
}

func requireProvisioning(t *testing.T, clean, example, readme string) {
	etc := t.TempDir()
	copying := regexp.MustCompile("`(cp -r provisioning/\\. )/etc/grafana/provisioning/`").FindStringSubmatch(readme)
	require.NotNil(t, copying)
	copied := exec.Command("sh", "-c", copying[1]+etc)
	copied.Dir = example
	text, err := copied.CombinedOutput()
	require.NoError(t, err, string(text))
	require.NoError(t, filepath.WalkDir(etc, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		require.Zero(t, d.Type()&fs.ModeSymlink, "%s is a link, which dangles elsewhere", path)
		return nil
	}))
	read := func(path string, into any) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(etc, path))
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, into))
	}
	var sources struct {
		Datasources []struct{ UID, Type, URL string }
	}
	read("datasources/tokenboard.yaml", &sources)
	require.Len(t, sources.Datasources, 1)
	source := sources.Datasources[0]
	require.Contains(t, command(t, readme, "prometheus --config.file"), strings.TrimPrefix(source.URL, "http://"), "Grafana asks the README's Prometheus")

	var providers struct {
		Providers []struct {
			AllowUIUpdates bool `yaml:"allowUiUpdates"`
			Options        struct{ Path string }
		}
	}
	read("dashboards/tokenboard.yaml", &providers)
	require.True(t, providers.Providers[0].AllowUIUpdates, "a dashboard cannot be saved with the console's address")
	start := command(t, readme, "TOKENBOARD_DASHBOARDS=")
	for _, needed := range []string{"GF_PATHS_DATA=", "GF_PATHS_LOGS=", "GF_PATHS_PLUGINS="} {
		require.Contains(t, start, needed, "an ordinary user cannot write into Grafana's home")
	}
	where := exec.Command("sh", "-c", start[:strings.IndexByte(start, ' ')]+" && printf %s "+`"$TOKENBOARD_DASHBOARDS"`)
	where.Dir = example
	folder, err := where.Output()
	require.NoError(t, err)
	panels := panelTitles(t, string(folder), source.UID)
	require.Len(t, panels, 6)
	require.Equal(t, clean, filepath.Clean(filepath.Join(string(folder), "..", "..")))

	var alerts struct {
		Groups []struct {
			Rules []struct {
				Title        string
				DashboardUID string `yaml:"dashboardUid"`
				PanelID      int    `yaml:"panelId"`
				Annotations  map[string]string
				Data         []struct {
					DatasourceUID string `yaml:"datasourceUid"`
				}
			}
		}
	}
	read("alerting/tokenboard.yaml", &alerts)
	require.Len(t, alerts.Groups[0].Rules, 6)
	for _, r := range alerts.Groups[0].Rules {
		require.Equal(t, source.UID, r.Data[0].DatasourceUID, r.Title)
		require.NotEmpty(t, panels[r.DashboardUID][r.PanelID], "%s leads to no panel", r.Title)
		require.Equal(t, r.DashboardUID, r.Annotations["__dashboardUid__"])
	}
}

// panelTitles returns the titles of all panels by dashboard and id, and requires that the dashboards open
// with a data source.
func panelTitles(t *testing.T, folder, source string) map[string]map[int]string {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	all := map[string]map[int]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		var d struct {
			UID    string
			Panels []struct {
				ID    int
				Title string
			}
			Templating struct {
				List []struct {
					Name    string
					Current struct{ Value any }
				}
			}
		}
		require.NoError(t, json.Unmarshal(text, &d))
		require.Equal(t, "datasource", d.Templating.List[0].Name)
		require.Equal(t, source, d.Templating.List[0].Current.Value, "with several sources another one opens")
		all[d.UID] = map[int]string{}
		for _, p := range d.Panels {
			all[d.UID][p.ID] = p.Title
		}
	}
	return all
}
