package sink

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// What an error is put down to that names no variable itself.
const (
	bundleVariable  = "AWS_CA_BUNDLE"
	profileVariable = "AWS_PROFILE"
	filesVariable   = "AWS_CONFIG_FILE"
)

// endpointVariables are those that send requests to S3 elsewhere.
var endpointVariables = []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}

// named finds the variable that an error of the SDK names.
var named = regexp.MustCompile(`AWS_[A-Z0-9_]+`)

// CheckEnvironment looks for what is wrong with the AWS SDK's own settings as
// far as that can be seen without a connection, and calls wrong with the
// variable to look at and what would be right. The SDK itself tells of the
// first mistake only, and of an endpoint that is no URL with each request.
// Credentials that are missing may still come, and are none.
func CheckEnvironment(ctx context.Context, wrong func(variable, right string)) {
	bundle := checkBundle(os.Getenv(bundleVariable))
	if bundle != nil {
		wrong(bundleVariable, bundle.Error())
	}
	checkEndpoints(wrong)
	chain, err := load(ctx, defaultTransfers)
	switch {
	case err == nil:
		checkProfile(chain, wrong)
	case blame(err) == filesVariable && bundle != nil: // told above
	default:
		wrong(blame(err), advice(err))
	}
}

func checkBundle(path string) error {
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path) //nolint:gosec // the path is the operator's own setting
	if failure, ok := errors.AsType[*fs.PathError](err); ok {
		err = failure.Err // the path is told beside it
	}
	if err != nil {
		return fmt.Errorf("must be a file that can be read; %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content) {
		return errors.New("must be a file that holds certificates in PEM")
	}
	return nil
}

func checkEndpoints(wrong func(variable, right string)) {
	if strings.EqualFold(os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		return
	}
	for _, variable := range endpointVariables {
		if endpoint := os.Getenv(variable); endpoint != "" && !isEndpoint(endpoint) {
			wrong(variable, "must be a URL such as https://s3.example.com or http://minio:9000")
		}
	}
}

// checkProfile looks at an endpoint that the SDK's files set.
func checkProfile(chain aws.Config, wrong func(variable, right string)) {
	endpoint := s3.NewFromConfig(chain).Options().BaseEndpoint
	if endpoint == nil || isEndpoint(*endpoint) {
		return
	}
	own := slices.ContainsFunc(endpointVariables, func(variable string) bool { return os.Getenv(variable) == *endpoint })
	if !own {
		wrong(profileVariable, "must be a profile whose endpoint_url is a URL such as https://s3.example.com or http://minio:9000")
	}
}

func isEndpoint(raw string) bool {
	parsed, err := url.Parse(raw)
	return err == nil && parsed.Hostname() != "" && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

// blame is the variable to look at when the SDK cannot load its settings.
func blame(err error) string {
	if isMissingProfile(err) {
		return profileVariable
	}
	if variable := named.FindString(err.Error()); os.Getenv(variable) != "" {
		return variable
	}
	return filesVariable
}

// advice is what would be right for the variable to blame.
func advice(err error) string {
	switch {
	case isMissingProfile(err):
		return "must be a profile that stands in the AWS SDK's files, ~/.aws/config and ~/.aws/credentials unless other variables name them"
	case blame(err) == filesVariable:
		return "or the file ~/.aws/config must be one that the AWS SDK can use; " + oneLine(err)
	}
	return "must be a value that the AWS SDK can use; " + oneLine(err)
}

func isMissingProfile(err error) bool {
	_, missing := errors.AsType[config.SharedConfigProfileNotExistError](err)
	return missing
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
