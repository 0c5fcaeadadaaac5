package daemon

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain keeps the AWS SDK from looking for settings outside of the tests:
// in files of whoever runs them, and on the network.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
