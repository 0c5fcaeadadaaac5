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

// The variables of errors that name none themselves.
const (
	bundleVariable  = "AWS_CA_BUNDLE"
	profileVariable = "AWS_PROFILE"
	filesVariable   = "AWS_CONFIG_FILE"
)

// endpointVariables are those that send requests to S3 elsewhere.
var endpointVariables = []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}

// namedVariable finds the variable that an error of the SDK names.
var namedVariable = regexp.MustCompile(`AWS_[A-Z0-9_]+`)

// CheckEnvironment looks for what is wrong with the AWS SDK's own settings as
// far as that can be seen without a connection, and calls report with the
// variable to look at and what would be right. The SDK itself tells of the
// first mistake only, and of an endpoint that is no URL with each request.
// Credentials that are missing may still come, and are none.
func CheckEnvironment(ctx context.Context, report func(variable, want string)) {
	bundle := checkBundle(os.Getenv(bundleVariable))
	if bundle != nil {
		report(bundleVariable, bundle.Error())
	}
	checkEndpoints(report)
	chain, err := load(ctx, DefaultTransfers)
	switch {
	case err == nil:
		checkProfile(chain, report)
	case variableFor(err) == filesVariable && bundle != nil: // told above
	default:
		report(variableFor(err), remedyFor(err))
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

func checkEndpoints(report func(variable, want string)) {
	if strings.EqualFold(os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		return
	}
	for _, variable := range endpointVariables {
		if endpoint := os.Getenv(variable); endpoint != "" && !isEndpoint(endpoint) {
			report(variable, "must be a URL such as https://s3.example.com or http://minio:9000")
		}
	}
}

// checkProfile looks at an endpoint that the SDK's files set.
func checkProfile(chain aws.Config, report func(variable, want string)) {
	endpoint := s3.NewFromConfig(chain).Options().BaseEndpoint
	if endpoint == nil || isEndpoint(*endpoint) {
		return
	}
	own := slices.ContainsFunc(endpointVariables, func(variable string) bool { return os.Getenv(variable) == *endpoint })
	if !own {
		report(profileVariable, "must be a profile whose endpoint_url is a URL such as https://s3.example.com or http://minio:9000")
	}
}

func isEndpoint(raw string) bool {
	parsed, err := url.Parse(raw)
	return err == nil && parsed.Hostname() != "" && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

// variableFor is the variable to look at when the SDK cannot load its settings.
func variableFor(err error) string {
	if isMissingProfile(err) {
		return profileVariable
	}
	if variable := namedVariable.FindString(err.Error()); os.Getenv(variable) != "" {
		return variable
	}
	return filesVariable
}

// remedyFor is what would be right for that variable.
func remedyFor(err error) string {
	switch {
	case isMissingProfile(err):
		return "must be a profile that stands in the AWS SDK's files, ~/.aws/config and ~/.aws/credentials unless other variables name them"
	case variableFor(err) == filesVariable:
		return "or the file ~/.aws/config must be one that the AWS SDK can use; " + oneLine(err)
	}
	return "must be a value that the AWS SDK can use; " + oneLine(err)
}

func isMissingProfile(err error) bool {
	_, missing := errors.AsType[config.SharedConfigProfileNotExistError](err)
	return missing
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
