package sink

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/jobferry/jobferry/internal/job"
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

	// DefaultTransfers is how many uploads run at once where nothing else is set.
	DefaultTransfers = 16
)

// Encryptions are the words of S3 for server-side encryption.
func Encryptions() []string {
	return []string{string(types.ServerSideEncryptionAes256), string(types.ServerSideEncryptionAwsKms), string(types.ServerSideEncryptionAwsKmsDsse)}
}

var (
	// bucketName takes names as S3 and similar stores have them, old names and the
	// ARNs of access points included.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	bucketName   = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]{2,254}|arn:[A-Za-z0-9._:/-]+)$`)
	storageClass = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	// headerText is what a header may have without being encoded.
	headerText = regexp.MustCompile(`^[\x20-\x7E]{0,1000}$`)
)

// ACLs are the words of S3 for who may do what with an object.
func ACLs() []string {
	words := make([]string, 0, len(types.ObjectCannedACL("").Values()))
	for _, acl := range types.ObjectCannedACL("").Values() {
		words = append(words, string(acl))
	}
	return words
}

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
	// Tags, ACL, CacheControl and ContentDisposition are of every object, as S3's own
	// headers have them. An object has the tags of its submission besides.
	Tags                                  map[string]string
	ACL, CacheControl, ContentDisposition string
	// BucketKeyEnabled has S3 use a key of the bucket instead of one call of KMS an
	// object.
	BucketKeyEnabled bool
	// ExpectedBucketOwner is the account that every bucket has to belong to; any, if
	// it is empty.
	ExpectedBucketOwner string
	// Checksum is how the store is made to check what it is sent (S3_CHECKSUM).
	// Default ModeAuto.
	Checksum Mode
	// PathStyle puts the bucket into the path instead of the host name. It is so
	// without being set where the endpoint is an address or has a port.
	PathStyle bool
	// Transfers is how many uploads run at once: connections to keep, and
	// buffers for uploads of unknown length. Default 16.
	Transfers int
	// PartSize is the size in bytes of the parts of a multipart upload, and of
	// the buffer that each upload of unknown length has. All parts of an upload but
	// the last have it, as some stores want them equal. Default and minimum 5 MiB,
	// which is S3's own.
	PartSize int64
}

// UploadBuffers is the most that uploads of unknown length hold in memory, in
// bytes.
func (c Config) UploadBuffers() int64 {
	c = c.withDefaults()
	return int64(c.Transfers) * c.PartSize
}

func (c Config) withDefaults() Config {
	c.Transfers = cmp.Or(c.Transfers, DefaultTransfers)
	c.PartSize = cmp.Or(c.PartSize, minPartSize)
	c.Checksum = cmp.Or(c.Checksum, ModeAuto)
	return c
}

// Validate reports every problem at once, in terms of the settings' names.
func (c Config) Validate() error {
	c = c.withDefaults()
	return errors.Join(
		named("S3_BUCKET", CheckBucket(c.Bucket)),
		named("S3_PREFIX", CheckPrefix(c.Prefix)),
		named("S3_STORAGE_CLASS", CheckStorageClass(c.StorageClass)),
		named("S3_SSE", CheckEncryption(c.SSE, c.SSEKMSKeyID)),
		named("S3_CHECKSUM", checkWord(string(c.Checksum), Modes())),
		named("S3_TAGS", job.CheckTags(c.Tags)),
		named("S3_ACL", checkWord(c.ACL, append(ACLs(), ""))),
		named("S3_CACHE_CONTROL", CheckHeader(c.CacheControl)),
		named("S3_CONTENT_DISPOSITION", CheckHeader(c.ContentDisposition)),
		named("S3_EXPECTED_BUCKET_OWNER", CheckHeader(c.ExpectedBucketOwner)),
		named("S3_BUCKET_KEY_ENABLED", CheckBucketKey(c.BucketKeyEnabled, c.SSE)),
		c.checkSizes(),
	)
}

func named(variable string, err error) error {
	if err != nil {
		return fmt.Errorf("%s %w", variable, err)
	}
	return nil
}

// CheckBucket says what a bucket's name must be.
func CheckBucket(name string) error {
	if !bucketName.MatchString(name) {
		return errors.New("must be the name of a bucket: letters, digits, dots and hyphens, 3 or more")
	}
	return nil
}

// CheckPrefix says what a prefix of all keys must be.
func CheckPrefix(prefix string) error {
	switch {
	case len(prefix) > maxPrefixLength:
		return fmt.Errorf("must have %d bytes at most", maxPrefixLength)
	case strings.HasPrefix(prefix, "/"):
		return errors.New("must not start with /")
	case !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl):
		return errors.New("must be UTF-8 without control characters")
	}
	for segment := range strings.SplitSeq(prefix, "/") {
		if segment == "." || segment == ".." {
			return errors.New("must not have . or .. as a segment")
		}
	}
	return nil
}

// CheckStorageClass says what a storage class must be. A store may have classes of
// its own, so any name is taken; empty is the bucket's default.
func CheckStorageClass(class string) error {
	if class == "" || storageClass.MatchString(class) {
		return nil
	}
	return errors.New("must be one word such as STANDARD_IA")
}

// CheckEncryption says what the encryption must be for a key of KMS, or for none.
func CheckEncryption(sse, kmsKeyID string) error {
	known := Encryptions()
	switch {
	case sse != "" && !slices.Contains(known, sse):
		return fmt.Errorf("must be one of %v", known)
	case kmsKeyID != "" && !slices.Contains(known[1:], sse):
		return fmt.Errorf("must be %s or %s, because S3_SSE_KMS_KEY_ID is set", known[1], known[2])
	}
	return nil
}

func checkWord(word string, words []string) error {
	if slices.Contains(words, word) {
		return nil
	}
	return fmt.Errorf("must be one of %v", words)
}

// CheckHeader says what a header of an object must be.
func CheckHeader(text string) error {
	if headerText.MatchString(text) {
		return nil
	}
	return errors.New("must be printable ASCII, 1,000 bytes at most")
}

// CheckBucketKey says which encryption uses a bucket's key.
func CheckBucketKey(enabled bool, sse string) error {
	if enabled && sse != "" && sse != string(types.ServerSideEncryptionAwsKms) {
		return fmt.Errorf("must be false, because S3_SSE is %s: only %s has bucket keys", sse, types.ServerSideEncryptionAwsKms)
	}
	return nil
}

// PartSizeFor is the smallest part size in bytes with which a result of that size has no more
// parts than S3 takes.
func PartSizeFor(result int64) int64 { return partSize(result, minPartSize) }

// CheckPartSize says what the part size must be for results of that size, both in
// bytes. 0 stands for the default.
func CheckPartSize(size, result int64) error {
	switch {
	case size == 0:
		return nil
	case size < minPartSize || size > maxPartSize:
		return fmt.Errorf("must be between %d and %d bytes", minPartSize, maxPartSize)
	case size < PartSizeFor(result):
		return fmt.Errorf("must be %d bytes or more: S3 takes %d parts at most, and WORKER_MAX_RESULT_BYTES is %d", PartSizeFor(result), maxParts, result)
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
