package deployments

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// build returns the manifests of a folder of deployments/kustomize by their keys, as
// `kubectl kustomize` prints them.
func build(t *testing.T, folder string) map[string]manifest {
	t.Helper()
	kustomizer := krusty.MakeKustomizer(krusty.MakeDefaultOptions())
	resources, err := kustomizer.Run(filesys.MakeFsOnDisk(), filepath.Join(root, "deployments", "kustomize", folder))
	require.NoError(t, err)
	all := make(map[string]manifest)
	for _, resource := range resources.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		var doc manifest
		require.NoError(t, yaml.UnmarshalStrict(text, &doc))
		require.NotContains(t, all, keyOf(t, doc))
		all[keyOf(t, doc)] = doc
	}
	return all
}

// Values that make of the chart what the base and the example are.
const (
	likeTheBase = `
settings: {S3_BUCKET: results}
files:
  NITRO_CLIENT_SECRET_FILE: {secret: jobferry, key: NITRO_CLIENT_SECRET_FILE}
  NATS_CREDS: {secret: jobferry-nats, key: NATS_CREDS}
`
	likeTheExample = `
image: {repository: registry.example.com/jobferry/worker}
settings: {NATS_URL: "nats://nats.nats:4222", S3_BUCKET: results, NITRO_CLIENT_ID: client, WORKER_STREAM_REPLICAS: "3"}
files:
  NITRO_CLIENT_SECRET_FILE: {secret: jobferry, key: NITRO_CLIENT_SECRET_FILE}
  NATS_CREDS: {secret: jobferry-nats, key: NATS_CREDS}
extraEnv: [{name: AWS_REGION, value: eu-central-1}]
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/jobferry"}}
networkPolicy: {enabled: true}
serviceMonitor: {enabled: true}
prometheusRule: {enabled: true}
dashboard: {enabled: true}
keda: {enabled: true}
`
)

// withoutOrigin takes from a manifest what tells how it was made, and the
// environment and the files of its container, which the two say differently.
func withoutOrigin(t *testing.T, doc manifest) manifest {
	t.Helper()
	metadata := at(t, doc, "metadata").(manifest)
	delete(metadata, "namespace")
	if doc["kind"] == "Job" {
		delete(metadata, "annotations") // how it is run again
	}
	unlabel(metadata)
	spec, ok := doc["spec"].(manifest)
	if template, is := spec["template"].(manifest); ok && is {
		unlabel(at(t, template, "metadata").(manifest))
		pod := at(t, template, "spec").(manifest)
		delete(at(t, pod, "volumes", 0, "projected").(manifest), "sources")
		container := at(t, pod, "containers", 0).(manifest)
		delete(container, "env")
		delete(container, "envFrom")
	}
	return doc
}

func unlabel(metadata manifest) {
	maps.DeleteFunc(metadata["labels"].(manifest), func(name string, _ any) bool {
		return slices.Contains([]string{"app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"}, name)
	})
}

func TestKustomizeMakesWhatTheChartMakes(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]string{"base": likeTheBase, "example": likeTheExample} {
		have, want := build(t, name), render(t, values)
		delete(have, "jobferry") // whose settings are compared below
		require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(have)), name)
		for kind := range want {
			require.Equal(t, withoutOrigin(t, want[kind]), withoutOrigin(t, have[kind]), "%s: %s", name, kind)
		}
	}
}

// effective is the environment of a workload over the program's defaults.
func effective(t *testing.T, workload, settings manifest) map[string]string {
	t.Helper()
	env := make(map[string]string)
	for _, s := range config.Settings() {
		env[s.Name] = s.Default
	}
	container := at(t, workload, "spec", "template", "spec", "containers", 0).(manifest)
	if _, ok := container["env"]; ok {
		maps.Copy(env, variables(t, workload))
	}
	if from, ok := container["envFrom"]; ok {
		require.Equal(t, at(t, settings, "metadata", "name"), at(t, from, 0, "configMapRef", "name"))
		for name, value := range at(t, settings, "data").(manifest) {
			env[name] = value.(string)
		}
	}
	return env
}

func TestKustomizeSetsWhatTheChartSets(t *testing.T) {
	t.Parallel()
	have, want := build(t, "example"), render(t, likeTheExample)
	require.Equal(t, effective(t, want["Deployment"], nil), effective(t, have["Deployment"], have["jobferry"]))
	setup := effective(t, have["Job"], have["jobferry"])
	for name, value := range variables(t, want["Job"]) {
		require.Equal(t, value, setup[name], name)
	}
}

// secrets are those that a workload mounts, with whether it starts without.
func secrets(t *testing.T, workload manifest) map[string]bool {
	t.Helper()
	optional := make(map[string]bool)
	for _, source := range at(t, workload, "spec", "template", "spec", "volumes", 0, "projected", "sources").([]any) {
		secret := at(t, source, "secret").(manifest)
		optional[secret["name"].(string)] = secret["optional"] == true
		require.NotContains(t, secret, "items", "a key of any name is a file of that name")
	}
	return optional
}

func TestKustomizeMountsTheSecretsWhole(t *testing.T) {
	t.Parallel()
	all := build(t, "base")
	require.Equal(t, map[string]bool{"jobferry": false, "jobferry-nats": true}, secrets(t, all["Deployment"]))
	require.Equal(t, map[string]bool{"jobferry-nats": true}, secrets(t, all["Job"]), "setup needs no credentials of the API")
}

// The example's environment is given to the program's own reading of it.
func TestKustomizeGivesTheWorkerSettingsThatItTakes(t *testing.T) {
	t.Parallel()
	all := build(t, "example")
	env := effective(t, all["Deployment"], all["jobferry"])
	for name, value := range env {
		if dir, file := filepath.Split(value); dir == "/etc/jobferry/" {
			require.Equal(t, name, file)
			env[name] = aFile(t) // they are there in a container only
			if name == "NATS_CREDS" {
				env[name] = credentials(t)
			}
		}
	}
	_, err := config.Bind(pflag.NewFlagSet("", pflag.ContinueOnError)).Load(func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	})
	require.NoError(t, err)
}

// credentials returns the path of a file of user credentials.
func credentials(t *testing.T) string {
	t.Helper()
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	user, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err := user.PublicKey()
	require.NoError(t, err)
	token, err := jwt.NewUserClaims(public).Encode(account)
	require.NoError(t, err)
	seed, err := user.Seed()
	require.NoError(t, err)
	content, err := jwt.FormatUserConfig(token, seed)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "user.creds")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func TestKustomizeIsWhatKubernetesAndKEDATake(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"base", "example"} {
		for kind, doc := range build(t, folder) {
			require.NoError(t, validate(t, doc), "%s: %s", folder, kind)
		}
	}
}
