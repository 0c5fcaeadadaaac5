package daemon

import (
	"context"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/natsconn"
	"github.com/jobferry/jobferry/internal/sink"
)

// Checks validate what settings refer to, as far as that needs no connection:
// files, contexts of the nats tool, the AWS SDK's own settings. So all problems are
// reported together, and not one at a time.
func Checks(ctx context.Context) []config.Check {
	return []config.Check{
		{Section: config.SectionNATS, Apply: natsconn.CheckContext},
		{Section: config.SectionS3, Apply: func(_ config.Config, report func(variable, want string)) {
			sink.CheckEnvironment(ctx, report)
		}},
	}
}
