package helm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const chart = "../../examples/kubernetes/tokenboard"

// helm runs Helm, and returns what it prints.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"tool", "helm"}, args...)...)
	home := t.TempDir() // nothing of whoever runs the tests
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG="+filepath.Join(home, "none"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// trial are values that make the chart's own secret.
var trial = []string{
	"--set", "secret.dsn=postgres://tokenboard@db/tokenboard", "--set", "secret.keySecret=" + strings.Repeat("0a", 32),
	"--set", "secret.adminPassword=correct horse battery",
}

// objects are what the chart makes, by kind; each is decoded strictly into Kubernetes' own types.
type objects map[string]any

func render(t *testing.T, args ...string) objects {
	t.Helper()
	out, err := helm(t, append([]string{"template", "a", chart, "--kube-version", "1.34.0"}, args...)...)
	require.NoError(t, err, out)
	found := objects{}
	for _, document := range strings.Split(out, "\n---\n") {
		var of meta.TypeMeta
		require.NoError(t, yaml.Unmarshal([]byte(document), &of), document)
		into := map[string]any{
			"apps/v1 Deployment": &apps.Deployment{}, "v1 Service": &core.Service{}, "v1 ConfigMap": &core.ConfigMap{}, "v1 Secret": &core.Secret{},
			"v1 ServiceAccount": &core.ServiceAccount{}, "policy/v1 PodDisruptionBudget": &policy.PodDisruptionBudget{},
			"monitoring.coreos.com/v1 ServiceMonitor": &monitoring.ServiceMonitor{},
		}[of.APIVersion+" "+of.Kind]
		require.NotNil(t, into, "%s %s", of.APIVersion, of.Kind)
		require.NoError(t, yaml.UnmarshalStrict([]byte(document), into), document)
		require.NotContains(t, found, of.Kind)
		found[of.Kind] = into
	}
	return found
}

// TestLint: Helm finds nothing wrong with the chart.
func TestLint(t *testing.T) {
	out, err := helm(t, append([]string{"lint", "--strict", chart}, trial...)...)
	require.NoError(t, err, out)
}

// TestChart: what the chart makes are objects of Kubernetes, that run without rights and survive the loss of a node.
func TestChart(t *testing.T) {
	o := render(t, append([]string{"--set", "serviceMonitor.enabled=true", "--set", "serviceMonitor.tokenSecret.name=scrape"}, trial...)...)
	require.Len(t, o, 7)
	d := o["Deployment"].(*apps.Deployment)
	require.EqualValues(t, 3, *d.Spec.Replicas)
	pod := d.Spec.Template.Spec
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.False(t, *pod.AutomountServiceAccountToken)
	require.Len(t, pod.TopologySpreadConstraints, 2)
	c := pod.Containers[0]
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.Equal(t, []core.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.Equal(t, "/ready", c.ReadinessProbe.HTTPGet.Path)
	require.Equal(t, "/health", c.LivenessProbe.HTTPGet.Path)
	require.False(t, c.Resources.Limits.Memory().IsZero())
	require.False(t, c.Resources.Requests.Cpu().IsZero())
	for _, e := range c.Env {
		require.NotContains(t, e.Value, "postgres://", "secrets come from the secret")
		require.NotContains(t, e.Value, "correct horse")
	}
	names := map[string]int32{}
	for _, p := range c.Ports {
		names[p.Name] = p.ContainerPort
	}
	for _, p := range o["Service"].(*core.Service).Spec.Ports {
		require.Equal(t, p.Port, names[p.TargetPort.String()])
	}
	require.Equal(t, d.Spec.Selector.MatchLabels, o["Service"].(*core.Service).Spec.Selector)
	require.Equal(t, d.Spec.Selector, o["PodDisruptionBudget"].(*policy.PodDisruptionBudget).Spec.Selector)
	require.Subset(t, d.Spec.Template.Labels, d.Spec.Selector.MatchLabels)
	m := o["ServiceMonitor"].(*monitoring.ServiceMonitor).Spec
	require.Subset(t, o["Service"].(*core.Service).Labels, m.Selector.MatchLabels)
	require.Equal(t, "scrape", m.Endpoints[0].Authorization.Credentials.Name)
	secret := o["Secret"].(*core.Secret)
	for _, key := range []string{"dsn", "key-secret", "admin-password"} {
		require.NotEmpty(t, secret.StringData[key])
	}
	config, err := os.ReadFile("../../examples/replicas/config.yaml")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(config)), strings.TrimSpace(o["ConfigMap"].(*core.ConfigMap).Data["config.yaml"]), "the same as on hosts")
}

// TestValues: a secret that exists is used, one replica needs no budget of disruptions, and wrong values are refused.
func TestValues(t *testing.T) {
	o := render(t, "--set", "secret.existing=mine", "--set", "replicas=1", "--set", "topologySpread=false",
		"--set", "extraConfig.extensions.tokenstore.retention.max_records=5", "--set", "nodeSelector.disk=ssd")
	require.NotContains(t, o, "Secret")
	require.NotContains(t, o, "PodDisruptionBudget")
	pod := o["Deployment"].(*apps.Deployment).Spec.Template.Spec
	require.Empty(t, pod.TopologySpreadConstraints)
	require.Equal(t, "mine", pod.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name)
	require.Contains(t, o["ConfigMap"].(*core.ConfigMap).Data["extra.yaml"], "max_records: 5")
	for name, args := range map[string][]string{
		"no secret":         nil,
		"a short password":  append(trial[:len(trial):len(trial)], "--set", "secret.adminPassword=short"),
		"a key secret":      append(trial[:len(trial):len(trial)], "--set", "secret.keySecret=abc"),
		"no replicas":       append(trial[:len(trial):len(trial)], "--set", "replicas=0"),
		"an unknown value":  append(trial[:len(trial):len(trial)], "--set", "replica=2"),
		"an old Kubernetes": append(trial[:len(trial):len(trial)], "--kube-version", "1.25.0"),
	} {
		out, err := helm(t, append([]string{"template", "a", chart}, args...)...)
		require.Error(t, err, "%s: %s", name, out)
	}
}
