package sink

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/jobferry/jobferry/internal/job"
)

const (
	codeNoSuchBucket = "NoSuchBucket"
	codeNoSuchUpload = "NoSuchUpload"

	// maxDetail is how much of a store's own message is repeated, in bytes.
	maxDetail = 300
)

// verdict is what an error of the store means.
type verdict int

const (
	transient   verdict = iota // another try may succeed
	ofObject                   // this object will not be taken, whenever it is tried
	ofBucket                   // the bucket, or its settings, refuse: it depends on whose bucket it is
	ofRequester                // the worker's own credentials or clock are at fault
)

// verdicts are those that do not follow from the status.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
var verdicts = map[string]verdict{
	"AccountProblem":              ofRequester,
	"ExpiredToken":                ofRequester,
	"ExpiredTokenException":       ofRequester,
	"InvalidAccessKeyId":          ofRequester,
	"InvalidClientTokenId":        ofRequester,
	"InvalidSecurity":             ofRequester,
	"InvalidToken":                ofRequester,
	"NotSignedUp":                 ofRequester,
	"RequestTimeTooSkewed":        ofRequester,
	"SignatureDoesNotMatch":       ofRequester,
	"TokenRefreshRequired":        ofRequester,
	"UnrecognizedClientException": ofRequester,

	"AuthorizationHeaderMalformed":       ofBucket, // another region, with status 400
	"IllegalLocationConstraintException": ofBucket,
	"InvalidBucketName":                  ofBucket,
	"InvalidBucketState":                 ofBucket,
	"InvalidEncryptionAlgorithmError":    ofBucket,
	"InvalidStorageClass":                ofBucket,
	"KMS.DisabledException":              ofBucket,
	"KMS.InvalidKeyUsageException":       ofBucket,
	"KMS.KMSInvalidStateException":       ofBucket,
	"KMS.NotFoundException":              ofBucket,
	codeNoSuchBucket:                     ofBucket,
	"PermanentRedirect":                  ofBucket,

	// Accidents on the way that come with status 400.
	"BadDigest":                   transient,
	"ContentLengthMismatch":       transient,
	"IncompleteBody":              transient,
	"InvalidPart":                 transient,
	"MalformedTrailerError":       transient,
	"RequestTimeout":              transient,
	"XAmzContentChecksumMismatch": transient,
	"XAmzContentSHA256Mismatch":   transient,
}

// statusVerdicts are those of a code that is in no list. What is in neither,
// such as every other 5xx, is transient.
var statusVerdicts = map[int]verdict{
	http.StatusMovedPermanently:            ofBucket,
	http.StatusBadRequest:                  ofObject,
	http.StatusUnauthorized:                ofRequester,
	http.StatusForbidden:                   ofBucket,
	http.StatusMethodNotAllowed:            ofBucket,
	http.StatusLengthRequired:              ofBucket,
	http.StatusRequestEntityTooLarge:       ofObject,
	http.StatusRequestURITooLong:           ofObject,
	http.StatusRequestHeaderFieldsTooLarge: ofObject,
	http.StatusNotImplemented:              ofBucket, // the store lacks something that every upload needs
}

// hints say what to do about a code.
var hints = map[string]string{
	"AuthorizationHeaderMalformed": "the bucket is in another region; set AWS_REGION to it",
	"PermanentRedirect":            "the bucket is in another region; set AWS_REGION to it",
	"RequestTimeTooSkewed":         "set this machine's clock",
	codeNoSuchBucket:               "create the bucket or correct its name",
}

// permissions are what the operations need that are not named like them.
var permissions = map[string]string{
	opCreate:     "s3:PutObject",
	opUploadPart: "s3:PutObject",
	opComplete:   "s3:PutObject",
	opList:       "s3:ListBucketMultipartUploads",
	opHeadBucket: "s3:ListBucket",
}

// requestError is an error of the store in our own words: the SDK's have the
// URL with its query in them.
type requestError struct {
	operation string
	where     location
	code      string // S3's, empty when there was no answer
	status    int    // HTTP's, 0 when there was no answer
	detail    string
	err       error
}

func (e *requestError) Error() string {
	text := e.operation + " " + e.where.String() + ": "
	if e.status != 0 {
		text += fmt.Sprintf("%s (%d): ", e.code, e.status)
	}
	return text + e.detail
}

func (e *requestError) Unwrap() error { return e.err }

// credentialsError is an error of the credentials' source.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "the AWS SDK has no credentials: " + e.err.Error() }

func (e *credentialsError) Unwrap() error { return e.err }

// classify turns an error of the SDK into what it means for the job.
func (s *Store) classify(operation string, where location, err error) error {
	e := describe(operation, where, err)
	switch e.verdict() {
	case ofObject:
		return &job.Failure{Reason: job.ReasonStoreRejected, Err: e}
	case ofRequester:
		return &job.Refused{Err: fmt.Errorf("%w; %s", e, e.hint("check the AWS credentials"))}
	case ofBucket:
		if where.bucket != s.cfg.Bucket {
			return &job.Failure{Reason: job.ReasonStoreRejected, Err: e}
		}
		return &job.Refused{Err: fmt.Errorf("%w; %s", e, e.hint(e.bucketHint()))}
	default:
		return e
	}
}

func (e *requestError) verdict() verdict {
	var credentials *credentialsError
	if errors.As(e.err, &credentials) {
		return ofRequester
	}
	v, ok := verdicts[e.code]
	if !ok {
		v = statusVerdicts[e.status]
	}
	switch e.operation {
	case opList, opAbort:
		// They need permissions of their own and are mere housekeeping: that
		// they are refused settles no job and stops no other.
		if v != ofRequester {
			return transient
		}
	case opHeadBucket:
		// An answer to HEAD has no body to name the code.
		if v == ofObject || e.status == http.StatusNotFound {
			return ofBucket
		}
	}
	return v
}

func (e *requestError) hint(otherwise string) string {
	if hint, ok := hints[e.code]; ok {
		return hint
	}
	return otherwise
}

func (e *requestError) bucketHint() string {
	switch e.status {
	case http.StatusForbidden:
		permission, ok := permissions[e.operation]
		if !ok {
			permission = "s3:" + e.operation
		}
		return fmt.Sprintf("the worker needs the permission %s on bucket %q", permission, e.where.bucket)
	case http.StatusNotFound:
		return hints[codeNoSuchBucket]
	case http.StatusMovedPermanently:
		return hints["PermanentRedirect"]
	default:
		return fmt.Sprintf("check the settings of bucket %q and S3_SSE, S3_SSE_KMS_KEY_ID and S3_STORAGE_CLASS", e.where.bucket)
	}
}

// describe takes from an error of the SDK what may be said of it.
func describe(operation string, where location, err error) *requestError {
	e := &requestError{operation: operation, where: where, err: err}
	if response := (*awshttp.ResponseError)(nil); errors.As(err, &response) {
		e.status = response.HTTPStatusCode()
	}
	if api := smithy.APIError(nil); errors.As(err, &api) && e.status != 0 {
		e.code, e.detail = api.ErrorCode(), api.ErrorMessage()
	} else {
		e.detail = plain(err)
	}
	e.detail = strings.ToValidUTF8(e.detail[:min(len(e.detail), maxDetail)], "")
	return e
}

// plain is the text of an error without the SDK's and net/http's envelopes,
// the latter of which names the whole URL.
func plain(err error) string {
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err.Error()
	}
	if operation := (*smithy.OperationError)(nil); errors.As(err, &operation) {
		return operation.Err.Error()
	}
	return err.Error()
}

func codeOf(err error) string {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
