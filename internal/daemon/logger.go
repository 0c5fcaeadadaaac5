package daemon

import (
	"fmt"
	stdlog "log"
	"strings"

	"github.com/jobferry/jobferry/internal/config"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger returns the logger that the settings ask for. It writes to
// standard error; sync it before the end of the program.
func NewLogger(cfg config.Worker) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(cfg.LogLevel)
	if err != nil {
		return nil, fmt.Errorf("WORKER_LOG_LEVEL: %w", err)
	}
	options := zap.NewProductionConfig()
	if cfg.LogFormat == "console" {
		options = zap.NewDevelopmentConfig()
		options.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
	}
	options.Level = zap.NewAtomicLevelAt(level)
	options.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	options.EncoderConfig.EncodeDuration = zapcore.StringDurationEncoder
	options.DisableStacktrace = true
	options.DisableCaller = true
	options.Sampling = nil // one line for each settled job: none may be dropped
	return options.Build()
}

// RedirectStandardLog sends the lines of the process's standard logger to log, until
// the returned function is called. Libraries write to it, and some repeat what they
// received: net/http quotes bytes that a server sent unasked, and the signed URL of
// a result may be among them. So a line is cut before the first quotation mark.
func RedirectStandardLog(log *zap.Logger) (restore func()) {
	flags, prefix, out := stdlog.Flags(), stdlog.Prefix(), stdlog.Writer()
	stdlog.SetFlags(0)
	stdlog.SetPrefix("")
	stdlog.SetOutput(standardLog{log})
	return func() {
		stdlog.SetFlags(flags)
		stdlog.SetPrefix(prefix)
		stdlog.SetOutput(out)
	}
}

type standardLog struct{ log *zap.Logger }

// Write implements [io.Writer].
func (s standardLog) Write(line []byte) (int, error) {
	said, _, _ := strings.Cut(string(line), `"`)
	s.log.Warn("a library reports", zap.String("said", strings.TrimSpace(said)))
	return len(line), nil
}
