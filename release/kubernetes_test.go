package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// objects are the Kubernetes objects of the files in deploy/kubernetes, by their kind and name.
type objects map[string]any

// manifests decodes the files. A field that its type does not have is an error.
func manifests(t *testing.T) objects {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(root, "deploy", "kubernetes", "*.yaml"))
	all := objects{}
	for _, file := range files {
		for _, document := range strings.Split(read(t, file), "\n---\n") {
			var meta struct {
				APIVersion, Kind string
				Metadata         struct{ Name string }
			}
			if err := yaml.Unmarshal([]byte(document), &meta); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			object := newObject(meta.APIVersion + " " + meta.Kind)
			if object == nil {
				t.Fatalf("%s: the test does not know %s %s", file, meta.APIVersion, meta.Kind)
			}
			if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
				t.Errorf("%s: %s: %v", file, meta.Kind, err)
			}
			all[meta.Kind+" "+meta.Metadata.Name] = object
		}
	}
	return all
}

func newObject(kind string) any {
	switch kind {
	case "v1 ConfigMap":
		return new(core.ConfigMap)
	case "v1 Service":
		return new(core.Service)
	case "apps/v1 Deployment":
		return new(apps.Deployment)
	case "networking.k8s.io/v1 Ingress":
		return new(networking.Ingress)
	case "policy/v1 PodDisruptionBudget":
		return new(policy.PodDisruptionBudget)
	}
	return nil
}

func find[T any](t *testing.T, all objects, key string) *T {
	t.Helper()
	object, ok := all[key].(*T)
	if !ok {
		t.Fatalf("%s is missing", key)
	}
	return object
}

// setting returns the value of a key of the configuration in the ConfigMap.
func setting(t *testing.T, all objects, key string) string {
	t.Helper()
	for line := range strings.Lines(find[core.ConfigMap](t, all, "ConfigMap socketio-jwt").Data["socketio-jwt.toml"]) {
		if name, value, _ := strings.Cut(line, " = "); name == key {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	t.Fatalf("the ConfigMap has no %s", key)
	return ""
}

func TestManifestsFitTogether(t *testing.T) {
	all := manifests(t)
	deployment := find[apps.Deployment](t, all, "Deployment socketio-jwt")
	pod := deployment.Spec.Template
	for _, selector := range []map[string]string{
		deployment.Spec.Selector.MatchLabels,
		find[core.Service](t, all, "Service socketio-jwt").Spec.Selector,
		find[policy.PodDisruptionBudget](t, all, "PodDisruptionBudget socketio-jwt").Spec.Selector.MatchLabels,
	} {
		for name, value := range selector {
			if pod.Labels[name] != value {
				t.Errorf("selector %v does not match the labels of the pod %v", selector, pod.Labels)
			}
		}
	}
	container := pod.Spec.Containers[0]
	ports := map[string]bool{}
	for _, port := range container.Ports {
		ports[port.Name] = true
	}
	for _, probe := range []*core.Probe{container.LivenessProbe, container.ReadinessProbe, container.StartupProbe} {
		if probe == nil || !ports[probe.HTTPGet.Port.StrVal] || !strings.HasSuffix(probe.HTTPGet.Path, "z") {
			t.Errorf("probe %v", probe)
		}
	}
	backend := find[networking.Ingress](t, all, "Ingress socketio-jwt").Spec.Rules[0].HTTP.Paths[0].Backend.Service
	service := find[core.Service](t, all, "Service socketio-jwt")
	if backend.Name != service.Name || backend.Port.Name != service.Spec.Ports[0].Name || !ports[service.Spec.Ports[0].TargetPort.StrVal] {
		t.Errorf("the ingress does not reach the pods: %+v", backend)
	}
	if redis := setting(t, all, "redis"); redis != "redis://"+find[core.Service](t, all, "Service socketio-jwt-redis").Name+":6379" {
		t.Errorf("redis = %s", redis)
	}
}

func TestPodsMayTakeLongerThanTheShutdown(t *testing.T) {
	all := manifests(t)
	var most time.Duration
	for _, key := range []string{"drain-wait", "drain-time", "shutdown-timeout"} {
		d, err := time.ParseDuration(setting(t, all, key))
		if err != nil {
			t.Fatal(err)
		}
		most += d
	}
	pod := find[apps.Deployment](t, all, "Deployment socketio-jwt").Spec.Template.Spec
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace < most+5*time.Second {
		t.Errorf("a pod gets %v to end, and the server takes up to %v", grace, most)
	}
	probe := pod.Containers[0].ReadinessProbe
	if wait, _ := time.ParseDuration(setting(t, all, "drain-wait")); time.Duration(probe.PeriodSeconds*probe.FailureThreshold)*time.Second >= wait {
		t.Errorf("the readiness probe notices later than after drain-wait %v", wait)
	}
}

func TestPodsHaveNoRights(t *testing.T) {
	for name, object := range manifests(t) {
		deployment, ok := object.(*apps.Deployment)
		if !ok {
			continue
		}
		pod := deployment.Spec.Template.Spec
		if !*pod.SecurityContext.RunAsNonRoot || *pod.AutomountServiceAccountToken || pod.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: %+v", name, pod.SecurityContext)
		}
		for _, container := range pod.Containers {
			c := container.SecurityContext
			if *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || len(c.Capabilities.Drop) != 1 || c.Capabilities.Drop[0] != "ALL" || container.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: container %s: %+v", name, container.Name, c)
			}
		}
	}
}

// The configuration is checked by the program, with a secret in the place of that of the pod.
func TestConfigurationOfPods(t *testing.T) {
	all := manifests(t)
	folder := t.TempDir()
	key := filepath.Join(folder, "cluster-key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(find[core.ConfigMap](t, all, "ConfigMap socketio-jwt").Data["socketio-jwt.toml"], "/etc/socketio-jwt/secrets/cluster-key", key)
	file := filepath.Join(folder, "socketio-jwt.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", "run", "./cmd/socketio-jwt", "config", "check", "--config", file)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("config check: %v\n%s", err, out)
	}
}
