package daemon

import (
	"encoding/json"
	"io"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// The tests that read standard error cannot be parallel.

// logged returns what a logger of these settings writes to standard error.
func logged(t *testing.T, cfg config.Worker, write func(*zap.Logger)) string {
	t.Helper()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	read := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(reader)
		read <- string(all)
	}()
	before := os.Stderr
	os.Stderr = writer
	log, err := NewLogger(cfg)
	os.Stderr = before
	if err == nil {
		write(log)
	}
	require.NoError(t, writer.Close())
	text := <-read
	require.NoError(t, err)
	return text
}

func TestJSONLinesHaveTimesAndDurationsThatPeopleCanRead(t *testing.T) {
	text := logged(t, config.Worker{LogLevel: "info", LogFormat: "json"}, func(log *zap.Logger) {
		log.Error("job settled", zap.Duration("took", 1500*time.Millisecond))
	})
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &line))
	when, err := time.Parse(time.RFC3339Nano, line["ts"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), when, time.Minute)
	delete(line, "ts")
	require.Equal(t, map[string]any{"level": "error", "msg": "job settled", "took": "1.5s"}, line, "no caller, no stack trace")
}

func TestConsoleLinesAreForPeople(t *testing.T) {
	text := logged(t, config.Worker{LogLevel: "info", LogFormat: "console"}, func(log *zap.Logger) {
		log.Warn("job settled", zap.String("job", "j1"))
	})
	require.Regexp(t, `^\S+\tWARN\tjob settled\t\{"job": "j1"\}\n$`, text)
}

func TestNoLineIsDropped(t *testing.T) {
	const lines = 1000
	text := logged(t, config.Worker{LogLevel: "info", LogFormat: "json"}, func(log *zap.Logger) {
		for range lines {
			log.Info("job settled")
		}
	})
	require.Equal(t, lines, strings.Count(text, "\n"))
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	for _, least := range []zapcore.Level{zap.DebugLevel, zap.InfoLevel, zap.WarnLevel, zap.ErrorLevel} {
		log, err := NewLogger(config.Worker{LogLevel: least.String(), LogFormat: "json"})
		require.NoError(t, err)
		require.True(t, log.Core().Enabled(least), least)
		require.False(t, log.Core().Enabled(least-1), least)
	}
	_, err := NewLogger(config.Worker{LogLevel: "loud"})
	require.ErrorContains(t, err, "WORKER_LOG_LEVEL")
	require.ErrorContains(t, err, "loud")
}

// TestStandardLoggerRepeatsNoBytes that somebody has sent.
func TestStandardLoggerRepeatsNoBytes(t *testing.T) { //nolint:paralleltest // the standard logger is the process's
	core, lines := observer.New(zapcore.InfoLevel)
	restore := RedirectStandardLog(zap.New(core))
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "https://h/f?X-Amz-Signature=hunter2", nil)
	restore()
	require.Len(t, lines.All(), 1)
	require.Equal(t, "Unsolicited response received on idle HTTP channel starting with", lines.All()[0].ContextMap()["said"])
}
