package sink

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The limits of S3 that shape an upload.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	minPartSize  = 5 << 20 // bytes; all parts but the last
	maxPartSize  = 5 << 30 // bytes
	maxPutSize   = 5 << 30 // bytes of a single PutObject
	maxParts     = 10_000
	maxKeyLength = 1024 // bytes of UTF-8
)

const (
	// maxPrefixLength leaves room in a key for the longest prefix of a
	// submission (512 bytes), the longest job ID (128) and the file's name.
	maxPrefixLength = maxKeyLength - 512 - 128 - 64

	defaultTransfers = 16
)

// bucketName takes what S3 and its likes take as a bucket: names, and the ARNs
// of access points.
var (
	bucketName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]*$`)
	storageClass = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// Config is what the worker's settings say about the store. Region,
// credentials and endpoint are not here: they are the AWS SDK's own chain.
type Config struct {
	// Bucket is where objects go whose job names no other. Required.
	Bucket string
	// Prefix is put before every key as it is: no slash is added.
	Prefix string
	// StorageClass, SSE and SSEKMSKeyID are attributes of every object; empty
	// means the bucket's own defaults. A store may have storage classes of its
	// own, so any name is taken.
	StorageClass, SSE, SSEKMSKeyID string
	// PathStyle puts the bucket into the path instead of the host name.
	PathStyle bool
	// Transfers is how many uploads run at once: connections to keep, and
	// buffers for uploads of unknown length. Default 16.
	Transfers int
	// PartSize is the size in bytes of the parts of a multipart upload, and of
	// the buffer that each upload of unknown length has. Default and minimum
	// 5 MiB, which is S3's own.
	PartSize int64
}

// UploadBuffers is the most that uploads of unknown length hold in memory, in
// bytes.
func (c Config) UploadBuffers() int64 {
	c = c.withDefaults()
	return int64(c.Transfers) * c.PartSize
}

func (c Config) withDefaults() Config {
	if c.Transfers == 0 {
		c.Transfers = defaultTransfers
	}
	if c.PartSize == 0 {
		c.PartSize = minPartSize
	}
	return c
}

// Validate reports every problem at once, in terms of the settings' names.
func (c Config) Validate() error {
	c = c.withDefaults()
	return errors.Join(c.checkBucket(), checkPrefix(c.Prefix), c.checkStorageClass(), c.checkEncryption(), c.checkSizes())
}

func (c Config) checkBucket() error {
	switch {
	case c.Bucket == "":
		return errors.New("S3_BUCKET is required: name the bucket that results are stored in")
	case !bucketName.MatchString(c.Bucket):
		return fmt.Errorf("S3_BUCKET is %q: a bucket's name has letters, digits, dots and hyphens", c.Bucket)
	}
	return nil
}

func checkPrefix(prefix string) error {
	switch {
	case len(prefix) > maxPrefixLength:
		return fmt.Errorf("S3_PREFIX has %d bytes: at most %d are allowed", len(prefix), maxPrefixLength)
	case strings.HasPrefix(prefix, "/"):
		return fmt.Errorf("S3_PREFIX is %q: it must not start with /", prefix)
	case !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl):
		return fmt.Errorf("S3_PREFIX is %q: it must be UTF-8 without control characters", prefix)
	}
	for segment := range strings.SplitSeq(prefix, "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("S3_PREFIX is %q: it must not have the segment %q", prefix, segment)
		}
	}
	return nil
}

func (c Config) checkStorageClass() error {
	if c.StorageClass == "" || storageClass.MatchString(c.StorageClass) {
		return nil
	}
	return fmt.Errorf("S3_STORAGE_CLASS is %q: a class is one word such as STANDARD_IA", c.StorageClass)
}

func (c Config) checkEncryption() error {
	sse := types.ServerSideEncryption(c.SSE)
	if known := sse.Values(); c.SSE != "" && !slices.Contains(known, sse) {
		return fmt.Errorf("S3_SSE is %q: it must be one of %v", c.SSE, known)
	}
	if c.SSEKMSKeyID != "" && sse != types.ServerSideEncryptionAwsKms && sse != types.ServerSideEncryptionAwsKmsDsse {
		return fmt.Errorf("S3_SSE_KMS_KEY_ID is set: S3_SSE must then be %q or %q",
			types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse)
	}
	return nil
}

func (c Config) checkSizes() error {
	var problems []error
	if c.Transfers < 1 {
		problems = append(problems, fmt.Errorf("WORKER_TRANSFERS is %d: it must be at least 1", c.Transfers))
	}
	if c.PartSize < minPartSize || c.PartSize > maxPartSize {
		problems = append(problems, fmt.Errorf("the part size is %d bytes: it must be between %d and %d",
			c.PartSize, minPartSize, maxPartSize))
	}
	return errors.Join(problems...)
}
