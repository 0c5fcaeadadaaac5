package sink

import (
	"errors"
	"fmt"
	"net/http"
)

const (
	codeNoSuchBucket = "NoSuchBucket"
	codeNoSuchUpload = "NoSuchUpload"
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

// verdict judges by S3's code, else by the status.
func (e *requestError) verdict() verdict {
	if _, ok := errors.AsType[*credentialsError](e.err); ok {
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
	case http.StatusNotImplemented:
		return "the store must take trailing checksums and CRC64NVME"
	default:
		return fmt.Sprintf("check the settings of bucket %q and S3_SSE, S3_SSE_KMS_KEY_ID and S3_STORAGE_CLASS", e.where.bucket)
	}
}
