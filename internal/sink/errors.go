package sink

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/jobferry/jobferry/internal/job"
)

// maxDetail is how much of a store's own message is repeated, in bytes.
const maxDetail = 300

// requestError is an error of the store in our own words: the SDK's have the
// URL with its query in them.
type requestError struct {
	operation string
	where     location
	code      string // S3's, empty when there was no answer
	status    int    // HTTP's, 0 when there was no answer
	detail    string
	settings  string // of ours that a refusal may be due to, empty when there are none
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
	e.settings = s.cfg.refusable(operation)
	switch e.scope() {
	case scopeObject:
		return &job.Error{Class: job.ClassPermanent, By: job.Store, Reason: job.ReasonStoreRejected, Err: e}
	case scopeUnclear:
		return &job.Error{Class: job.ClassForbidden, By: job.Store, Err: fmt.Errorf("%w; %s", e, e.hint(e.bucketHint()))}
	case scopeCredentials:
		return &job.Error{Class: job.ClassRefused, By: job.Store, Err: fmt.Errorf("%w; %s", e, e.hint("check the AWS credentials"))}
	case scopeBucket:
		if where.bucket != s.cfg.Bucket {
			return &job.Error{Class: job.ClassPermanent, By: job.Store, Reason: job.ReasonStoreRejected, Err: e}
		}
		return &job.Error{Class: job.ClassRefused, By: job.Store, Err: fmt.Errorf("%w; %s", e, e.hint(e.bucketHint()))}
	default:
		return &job.Error{By: job.Store, Err: e}
	}
}

// refusable names the settings, beside the permission itself, that a store may refuse
// an operation for.
func (c Config) refusable(operation string) string {
	var text string
	if c.ExpectedBucketOwner != "" {
		text += ", which must belong to S3_EXPECTED_BUCKET_OWNER"
	}
	if operation != opPutObject && operation != opCreate {
		return text
	}
	if len(c.Tags) > 0 {
		text += ", and s3:PutObjectTagging for S3_TAGS"
	}
	if c.ACL != "" {
		text += ", and s3:PutObjectAcl for S3_ACL"
	}
	return text
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
		e.detail = plain(err, where)
	}
	e.detail = strings.ToValidUTF8(e.detail[:min(len(e.detail), maxDetail)], "")
	return e
}

// plain is the text of an error without the SDK's and net/http's envelopes,
// the latter of which names the whole URL.
func plain(err error, where location) string {
	if hint := hostHint(err, where); hint != "" {
		return hint
	}
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err.Error()
	}
	if operation := (*smithy.OperationError)(nil); errors.As(err, &operation) {
		return operation.Err.Error()
	}
	return err.Error()
}

// hostHint is about a host name that the bucket stands before, of a store that has no
// such names.
func hostHint(err error, where location) string {
	host := ""
	if lookup, ok := errors.AsType[*net.DNSError](err); ok && lookup.IsNotFound {
		host = lookup.Name
	} else if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		host = wrong.Host
	}
	if where.bucket == "" || !strings.HasPrefix(host, where.bucket+".") {
		return ""
	}
	return fmt.Sprintf("the store cannot be reached as %s; set S3_PATH_STYLE=true, if it has buckets in the path", host)
}

// isAnswer reports whether the store, or who stands before it, has said no to what was
// asked, whatever the reason. What may be answered otherwise in a moment is no answer.
func isAnswer(err error) bool {
	switch status := statusOf(err); status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	case http.StatusNotFound:
		return codeOf(err) != codeNoSuchUpload // another worker has aborted it
	default:
		return status/100 == 4 || status == http.StatusNotImplemented
	}
}

// statusOf is the status that the store has answered with, 0 for none.
func statusOf(err error) int {
	if e, ok := errors.AsType[*requestError](err); ok {
		return e.status
	}
	return 0
}

func codeOf(err error) string {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

const (
	codeNoSuchBucket = "NoSuchBucket"
	codeNoSuchUpload = "NoSuchUpload"
)

// scope is how far an error of the store reaches.
type scope int

const (
	transient        scope = iota // another try may succeed
	scopeObject                   // this object will not be taken, whenever it is tried
	scopeUnclear                  // the object, or every one: it depends on what becomes of others
	scopeBucket                   // the bucket, or its settings, refuse: it depends on whose bucket it is
	scopeCredentials              // the worker's own credentials or clock are at fault
)

// codeScopes are those that do not follow from the status.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
var codeScopes = map[string]scope{
	"AccountProblem":              scopeCredentials,
	"ExpiredToken":                scopeCredentials,
	"ExpiredTokenException":       scopeCredentials,
	"InvalidAccessKeyId":          scopeCredentials,
	"InvalidClientTokenId":        scopeCredentials,
	"InvalidSecurity":             scopeCredentials,
	"InvalidToken":                scopeCredentials,
	"NotSignedUp":                 scopeCredentials,
	"RequestTimeTooSkewed":        scopeCredentials,
	"SignatureDoesNotMatch":       scopeCredentials,
	"TokenRefreshRequired":        scopeCredentials,
	"UnrecognizedClientException": scopeCredentials,

	"EntityTooLarge":          scopeObject,
	"KeyTooLongError":         scopeObject,
	"MetadataTooLarge":        scopeObject,
	"XMinioInvalidObjectName": scopeObject,

	"AuthorizationHeaderMalformed":       scopeBucket, // another region, with status 400
	"IllegalLocationConstraintException": scopeBucket,
	"InvalidBucketName":                  scopeBucket,
	"InvalidBucketState":                 scopeBucket,
	"InvalidEncryptionAlgorithmError":    scopeBucket,
	"InvalidStorageClass":                scopeBucket,
	"KMS.DisabledException":              scopeBucket,
	"KMS.InvalidKeyUsageException":       scopeBucket,
	"KMS.KMSInvalidStateException":       scopeBucket,
	"KMS.NotFoundException":              scopeBucket,
	codeNoSuchBucket:                     scopeBucket,
	"PermanentRedirect":                  scopeBucket,

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

// statusScopes are those of a code that is not in codeScopes: nobody knows whose fault
// it is, and a proxy before the store may have said so. Every other status, such as
// every 5xx but 501, is transient.
var statusScopes = map[int]scope{
	http.StatusMovedPermanently:            scopeBucket,
	http.StatusBadRequest:                  scopeUnclear,
	http.StatusUnauthorized:                scopeCredentials,
	http.StatusForbidden:                   scopeBucket,
	http.StatusMethodNotAllowed:            scopeUnclear,
	http.StatusLengthRequired:              scopeUnclear,
	http.StatusRequestEntityTooLarge:       scopeUnclear,
	http.StatusRequestURITooLong:           scopeUnclear,
	http.StatusRequestHeaderFieldsTooLarge: scopeUnclear,
	http.StatusNotImplemented:              scopeUnclear,
}

// hints say what to do about a code.
var hints = map[string]string{
	"AuthorizationHeaderMalformed": "the bucket is in another region; set AWS_REGION to it",
	"PermanentRedirect":            "the bucket is in another region; set AWS_REGION to it",
	"RequestTimeTooSkewed":         "set this machine's clock",
	"SignatureDoesNotMatch":        "check the AWS credentials and AWS_REGION, and whether a proxy before the store changes headers",
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

// scope goes by S3's code, else by the status.
func (e *requestError) scope() scope {
	if _, ok := errors.AsType[*credentialsError](e.err); ok {
		return scopeCredentials
	}
	v, ok := codeScopes[e.code]
	if !ok {
		v = statusScopes[e.status]
	}
	switch e.operation {
	case opList, opAbort:
		// They need permissions of their own and are mere housekeeping: that
		// they are refused settles no job and stops no other.
		if v != scopeCredentials {
			return transient
		}
	case opHeadBucket:
		// An answer to HEAD has no body to name the code.
		if v == scopeUnclear || e.status == http.StatusNotFound {
			return scopeBucket
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
		return fmt.Sprintf("the worker needs the permission %s on bucket %q%s", permission, e.where.bucket, e.settings)
	case http.StatusNotFound:
		return hints[codeNoSuchBucket]
	case http.StatusMovedPermanently:
		return hints["PermanentRedirect"]
	default:
		return fmt.Sprintf("check the settings of bucket %q, S3_SSE, S3_SSE_KMS_KEY_ID, S3_STORAGE_CLASS, S3_TAGS, S3_ACL and S3_CHECKSUM, and what stands before the store", e.where.bucket)
	}
}
