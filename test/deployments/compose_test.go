package deployments

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// compose reads the project as Docker does.
func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "deployments", "compose.yaml")},
		cli.WithEnv([]string{"NITRO_CLIENT_ID=client"}))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func TestComposeHasAClusterAStoreAndWorkers(t *testing.T) {
	t.Parallel()
	project := compose(t)
	require.Equal(t, []string{"nats-1", "nats-2", "nats-3", "s3", "setup", "worker"}, project.ServiceNames())
	worker := project.Services["worker"]
	require.Empty(t, worker.ContainerName, "a name stands in the way of --scale")
	require.Empty(t, worker.Ports, "two cannot have the same port")
	require.Equal(t, types.ShellCommand{"run"}, worker.Command)
	require.Equal(t, types.ShellCommand{"setup"}, project.Services["setup"].Command)
	require.True(t, worker.ReadOnly)
	context, err := filepath.Abs(root)
	require.NoError(t, err)
	require.Equal(t, context, worker.Build.Context)
	require.FileExists(t, filepath.Join(worker.Build.Context, worker.Build.Dockerfile))
}

// aFile returns the name of a file that holds a secret of sorts.
func aFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(name, []byte("s"), 0o600))
	return name
}

// The environment is given to the program's own reading of it.
func TestComposeGivesTheWorkerSettingsThatItTakes(t *testing.T) {
	t.Parallel()
	env := compose(t).Services["worker"].Environment
	secretFile := aFile(t)
	loader := config.Bind(pflag.NewFlagSet("", pflag.ContinueOnError))
	cfg, err := loader.Load(func(name string) (string, bool) {
		if name == "NITRO_CLIENT_SECRET_FILE" {
			return secretFile, true // it is there in a container only
		}
		value, set := env[name]
		if !set || value == nil {
			return "", false
		}
		return *value, true
	})
	require.NoError(t, err)
	require.Equal(t, 3, cfg.Worker.StreamReplicas, "one for each server")
	grace := time.Duration(*compose(t).Services["worker"].StopGracePeriod)
	require.GreaterOrEqual(t, grace, cfg.Worker.DrainTimeout+10*time.Second)
}

func TestComposeConfiguresACluster(t *testing.T) {
	t.Parallel()
	project := compose(t)
	path := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(path, []byte(project.Configs["nats"].Content), 0o600))
	settings, err := server.ProcessConfigFile(path)
	require.NoError(t, err)
	require.True(t, settings.JetStream)
	require.Equal(t, 8222, settings.HTTPPort, "the health check asks there")
	require.Len(t, settings.Routes, 3)
	for _, route := range settings.Routes {
		require.Contains(t, project.Services, route.Hostname())
		require.Equal(t, "6222", route.Port())
	}
	for _, name := range []string{"nats-1", "nats-2", "nats-3"} {
		service := project.Services[name]
		require.Contains(t, service.Command, "--name="+name)
		require.Equal(t, settings.StoreDir, service.Volumes[0].Target, "what is stored outlives the container")
	}
}
