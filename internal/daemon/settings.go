package daemon

import (
	"context"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/natsconn"
	"github.com/jobferry/jobferry/internal/sink"
)

// Checks are of what the settings lead to beside their own values, as far as it
// can be seen without a connection: to be told with everything else that is
// wrong with them, instead of later and one at a time.
func Checks(ctx context.Context) []config.Check {
	return []config.Check{
		{Section: config.SectionNATS, Apply: natsconn.CheckContext},
		{Section: config.SectionS3, Apply: func(_ config.Config, wrong func(variable, right string)) {
			sink.CheckEnvironment(ctx, wrong)
		}},
	}
}
