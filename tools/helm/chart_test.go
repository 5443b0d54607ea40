package helm

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/strvals"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

const chart = "../../examples/kubernetes/tokenboard"

var errVersion = errors.New("the chart is for other versions of Kubernetes")

// trial are values that make the chart's own secret.
var trial = []string{
	"secret.dsn=postgres://tokenboard@db/tokenboard", "secret.keySecret=" + strings.Repeat("0a", 32), "secret.adminPassword=correct horse battery",
}

// trialWith are the values of a trial and further ones.
func trialWith(more ...string) []string { return append(trial[:len(trial):len(trial)], more...) }

// values reads values as --set takes them.
func values(t *testing.T, set []string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, s := range set {
		require.NoError(t, strvals.ParseInto(s, out))
	}
	return out
}

// template is helm template: the documents that the chart makes, by the names of their files.
func template(t *testing.T, release, kubernetes string, set ...string) (map[string]string, error) {
	t.Helper()
	c, err := loader.Load(chart)
	require.NoError(t, err)
	caps := chartutil.DefaultCapabilities.Copy()
	version, err := chartutil.ParseKubeVersion(kubernetes)
	require.NoError(t, err)
	caps.KubeVersion = *version
	if !chartutil.IsCompatibleRange(c.Metadata.KubeVersion, caps.KubeVersion.String()) {
		return nil, errVersion
	}
	v, err := chartutil.ToRenderValues(c, values(t, set), chartutil.ReleaseOptions{Name: release, Namespace: "here", Revision: 1, IsInstall: true}, caps)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.Render(c, v)
}

// objects are what the chart makes, by kind; each is decoded strictly into Kubernetes' own types.
type objects map[string]any

func render(t *testing.T, release string, set ...string) objects {
	t.Helper()
	files, err := template(t, release, "1.34.0", set...)
	require.NoError(t, err)
	found := objects{}
	for name, text := range files {
		if strings.HasSuffix(name, ".txt") || strings.TrimSpace(text) == "" {
			continue
		}
		var of meta.PartialObjectMetadata
		require.NoError(t, yaml.Unmarshal([]byte(text), &of), text)
		into := map[string]any{
			"apps/v1 Deployment": &apps.Deployment{}, "v1 Service": &core.Service{}, "v1 ConfigMap": &core.ConfigMap{}, "v1 Secret": &core.Secret{},
			"v1 ServiceAccount": &core.ServiceAccount{}, "policy/v1 PodDisruptionBudget": &policy.PodDisruptionBudget{},
			"monitoring.coreos.com/v1 ServiceMonitor": &monitoring.ServiceMonitor{},
		}[of.APIVersion+" "+of.Kind]
		require.NotNil(t, into, "%s %s", of.APIVersion, of.Kind)
		require.NoError(t, yaml.UnmarshalStrict([]byte(text), into), text)
		require.NotContains(t, found, of.Kind)
		require.Empty(t, validation.IsDNS1123Label(of.Name), "the name of the %s", of.Kind)
		for key, value := range of.Labels {
			require.Empty(t, validation.IsQualifiedName(key))
			require.Empty(t, validation.IsValidLabelValue(value), "label %s of the %s", key, of.Kind)
		}
		found[of.Kind] = into
	}
	return found
}

// of returns the object of a kind.
func of[T any](t *testing.T, o objects, kind string) *T {
	t.Helper()
	v, is := o[kind].(*T)
	require.True(t, is, "a %s", kind)
	return v
}

// TestLint: Helm finds nothing wrong with the chart, also nothing that it warns of.
func TestLint(t *testing.T) {
	for _, set := range [][]string{trial, {"secret.existing=mine"}} {
		l := lint.All(chart, values(t, set), "here", true)
		for _, m := range l.Messages {
			if m.Severity == support.InfoSev && strings.Contains(m.Error(), "icon is recommended") {
				continue
			}
			require.Fail(t, "helm lint", m.Error())
		}
	}
}

// TestChart: what the chart makes are objects of Kubernetes that fit each other.
func TestChart(t *testing.T) {
	o := render(t, "a", trialWith("serviceMonitor.enabled=true", "serviceMonitor.tokenSecret.name=scrape")...)
	require.Len(t, o, 7)
	d, service := of[apps.Deployment](t, o, "Deployment"), of[core.Service](t, o, "Service")
	require.EqualValues(t, 3, *d.Spec.Replicas)
	require.Equal(t, d.Spec.Selector.MatchLabels, service.Spec.Selector)
	require.Equal(t, d.Spec.Selector, of[policy.PodDisruptionBudget](t, o, "PodDisruptionBudget").Spec.Selector)
	require.Subset(t, d.Spec.Template.Labels, d.Spec.Selector.MatchLabels)
	require.Len(t, d.Spec.Template.Spec.TopologySpreadConstraints, 2)

	c := d.Spec.Template.Spec.Containers[0]
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	for _, p := range service.Spec.Ports {
		require.Equal(t, p.Port, ports[p.TargetPort.String()])
	}
	for probe, path := range map[*core.Probe]string{c.StartupProbe: "/health", c.LivenessProbe: "/health", c.ReadinessProbe: "/ready"} {
		require.Equal(t, path, probe.HTTPGet.Path)
		require.Equal(t, int32(8317), ports[probe.HTTPGet.Port.String()])
	}
	m := of[monitoring.ServiceMonitor](t, o, "ServiceMonitor").Spec
	require.Subset(t, service.Labels, m.Selector.MatchLabels)
	require.Equal(t, "scrape", m.Endpoints[0].Authorization.Credentials.Name)
	require.Contains(t, ports, m.Endpoints[0].Port)

	config, err := os.ReadFile("../../examples/replicas/config.yaml")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(config)), strings.TrimSpace(of[core.ConfigMap](t, o, "ConfigMap").Data["config.yaml"]), "the same as on hosts")
	for _, name := range []string{"a", "tokenboard", strings.Repeat("long", 13)} { // Helm takes 53 characters
		require.Len(t, render(t, name, trial...), 6)
	}
}

// TestPod: it runs without rights, on a file system that it cannot write, and no secret is outside of the secret.
func TestPod(t *testing.T) {
	o := render(t, "a", trial...)
	d := of[apps.Deployment](t, o, "Deployment")
	pod := d.Spec.Template.Spec
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.Positive(t, *pod.SecurityContext.RunAsUser)
	require.Equal(t, core.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	require.False(t, *pod.AutomountServiceAccountToken)
	require.False(t, pod.HostNetwork || pod.HostPID || pod.HostIPC)
	require.Len(t, pod.Containers, 1)
	c := pod.Containers[0]
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.Equal(t, []core.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.False(t, c.Resources.Limits.Memory().IsZero())
	require.False(t, c.Resources.Requests.Cpu().IsZero())
	require.False(t, c.Resources.Requests.Memory().IsZero())
	require.GreaterOrEqual(t, *pod.TerminationGracePeriodSeconds, c.Lifecycle.PreStop.Sleep.Seconds+30)

	sources := map[string]core.VolumeSource{}
	for _, v := range pod.Volumes {
		sources[v.Name] = v.VolumeSource
	}
	for _, m := range c.VolumeMounts {
		require.Contains(t, sources, m.Name)
		if !m.ReadOnly {
			dir := sources[m.Name].EmptyDir
			require.NotNil(t, dir, "%s is written, and goes with the pod", m.MountPath)
			require.False(t, dir.SizeLimit.IsZero(), "%s is bounded", m.MountPath)
		}
	}
	secret := of[core.Secret](t, o, "Secret")
	for _, key := range []string{"dsn", "key-secret", "admin-password"} {
		require.NotEmpty(t, secret.StringData[key])
		for kind, object := range o {
			if kind == "Secret" {
				continue
			}
			text, err := json.Marshal(object)
			require.NoError(t, err)
			require.NotContains(t, string(text), secret.StringData[key], "%s in the %s", key, kind)
		}
	}
}

// TestValues: a secret that exists is used, one replica needs no budget of disruptions, and wrong values are refused.
func TestValues(t *testing.T) {
	o := render(t, "a", "secret.existing=mine", "replicas=1", "topologySpread=false", "extraConfig.extensions.tokenstore.retention.max_records=5", "nodeSelector.disk=ssd")
	require.NotContains(t, o, "Secret")
	require.NotContains(t, o, "PodDisruptionBudget")
	pod := of[apps.Deployment](t, o, "Deployment").Spec.Template.Spec
	require.Empty(t, pod.TopologySpreadConstraints)
	require.Equal(t, "mine", pod.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name)
	require.Contains(t, of[core.ConfigMap](t, o, "ConfigMap").Data["extra.yaml"], "max_records: 5")
	for name, set := range map[string][]string{
		"no secret":        nil,
		"a short password": trialWith("secret.adminPassword=short"),
		"a key secret":     trialWith("secret.keySecret=abc"),
		"no replicas":      trialWith("replicas=0"),
		"an unknown value": trialWith("replica=2"),
	} {
		_, err := template(t, "a", "1.34.0", set...)
		require.Error(t, err, name)
	}
	_, err := template(t, "a", "1.25.0", trial...)
	require.ErrorIs(t, err, errVersion)
	_, err = template(t, "a", "1.30.0", trial...)
	require.NoError(t, err)
}
