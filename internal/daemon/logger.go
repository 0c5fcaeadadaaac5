package daemon

import (
	"fmt"

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
