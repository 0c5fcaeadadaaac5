package sink

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cfg  Config
		want []string // all of these are in the error; none means valid
	}{
		"least":           {Config{Bucket: "results"}, nil},
		"access point":    {Config{Bucket: "arn:aws:s3:us-east-1:123456789012:accesspoint/results"}, nil},
		"a lot":           {Config{Bucket: "bucket", Prefix: "a/b-", StorageClass: "MY_CLASS", SSE: "aws:kms", SSEKMSKeyID: "k"}, nil},
		"prefix of dots":  {Config{Bucket: "bucket", Prefix: "..a/.b/c..-"}, nil},
		"no bucket":       {Config{}, []string{"S3_BUCKET must be"}},
		"bucket's form":   {Config{Bucket: "a bucket"}, []string{"S3_BUCKET must be"}},
		"leading slash":   {Config{Bucket: "bucket", Prefix: "/a"}, []string{"S3_PREFIX must not start with /"}},
		"dot segment":     {Config{Bucket: "bucket", Prefix: "a/./b"}, []string{"segment"}},
		"last segment":    {Config{Bucket: "bucket", Prefix: "a/.."}, []string{"segment"}},
		"control":         {Config{Bucket: "bucket", Prefix: "a\n"}, []string{"S3_PREFIX", "control"}},
		"not UTF-8":       {Config{Bucket: "bucket", Prefix: "a\xff"}, []string{"S3_PREFIX", "UTF-8"}},
		"long prefix":     {Config{Bucket: "bucket", Prefix: strings.Repeat("a", maxPrefixLength+1)}, []string{"S3_PREFIX must have 320 bytes at most"}},
		"storage class":   {Config{Bucket: "bucket", StorageClass: "two words"}, []string{"S3_STORAGE_CLASS must be one word"}},
		"encryption":      {Config{Bucket: "bucket", SSE: "rot13"}, []string{"S3_SSE must be one of", "AES256"}},
		"key without KMS": {Config{Bucket: "bucket", SSE: "AES256", SSEKMSKeyID: "k"}, []string{"S3_SSE_KMS_KEY_ID", "aws:kms"}},
		"tags":            {Config{Bucket: "bucket", Tags: map[string]string{"a&b": ""}}, []string{"S3_TAGS"}},
		"bucket key":      {Config{Bucket: "bucket", SSE: "AES256", BucketKeyEnabled: true}, []string{"S3_BUCKET_KEY_ENABLED must be false"}},
		"sizes":           {Config{Bucket: "bucket", Transfers: -1, PartSize: 1}, []string{"WORKER_TRANSFERS is -1", "part size is 1 "}},
		"everything": {
			Config{Prefix: "/", StorageClass: "-/", SSE: "x", PartSize: -1},
			[]string{"S3_BUCKET", "S3_PREFIX", "S3_STORAGE_CLASS", "S3_SSE", "part size"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.cfg.Validate()
			if c.want == nil {
				require.NoError(t, err)
			}
			for _, part := range c.want {
				require.ErrorContains(t, err, part)
			}
		})
	}
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	cfg := Config{Bucket: "bucket"}.withDefaults()
	require.Equal(t, Config{Bucket: "bucket", Checksum: ModeAuto, Transfers: 16, PartSize: 5 << 20}, cfg)
}

// TestPartsForTheLargestResult are as small as S3's limit of their number lets them be.
func TestPartsForTheLargestResult(t *testing.T) {
	t.Parallel()
	require.EqualValues(t, 5<<20, PartSizeFor(5<<30))
	require.EqualValues(t, 10_737_419, PartSizeFor(100<<30))
	require.NoError(t, CheckPartSize(0, 100<<30), "the default")
	require.NoError(t, CheckPartSize(8<<20, 5<<30))
	require.ErrorContains(t, CheckPartSize(8<<20, 100<<30), "must be 10737419 bytes or more: S3 takes 10000 parts at most")
	require.ErrorContains(t, CheckPartSize(6<<30, 5<<30), "must be between")
}

// TestTheLongestKeyFits is why a prefix has a limit.
func TestTheLongestKeyFits(t *testing.T) {
	t.Parallel()
	longest := maxPrefixLength + 512 + 128 + len("/result-1000000") + len(".") + 16
	require.LessOrEqual(t, longest, maxKeyLength)
}
