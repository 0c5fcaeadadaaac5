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
		"a lot":           {Config{Bucket: "b", Prefix: "a/b-", StorageClass: "MY_CLASS", SSE: "aws:kms", SSEKMSKeyID: "k"}, nil},
		"prefix of dots":  {Config{Bucket: "b", Prefix: "..a/.b/c..-"}, nil},
		"no bucket":       {Config{}, []string{"S3_BUCKET is required"}},
		"bucket's form":   {Config{Bucket: "a bucket"}, []string{`S3_BUCKET is "a bucket"`}},
		"leading slash":   {Config{Bucket: "b", Prefix: "/a"}, []string{`S3_PREFIX is "/a"`, "start with /"}},
		"dot segment":     {Config{Bucket: "b", Prefix: "a/./b"}, []string{`the segment "."`}},
		"last segment":    {Config{Bucket: "b", Prefix: "a/.."}, []string{`the segment ".."`}},
		"control":         {Config{Bucket: "b", Prefix: "a\n"}, []string{"S3_PREFIX", "control"}},
		"not UTF-8":       {Config{Bucket: "b", Prefix: "a\xff"}, []string{"S3_PREFIX", "UTF-8"}},
		"long prefix":     {Config{Bucket: "b", Prefix: strings.Repeat("a", maxPrefixLength+1)}, []string{"S3_PREFIX has 321 bytes"}},
		"storage class":   {Config{Bucket: "b", StorageClass: "two words"}, []string{`S3_STORAGE_CLASS is "two words"`}},
		"encryption":      {Config{Bucket: "b", SSE: "rot13"}, []string{`S3_SSE is "rot13"`, "AES256"}},
		"key without KMS": {Config{Bucket: "b", SSE: "AES256", SSEKMSKeyID: "k"}, []string{"S3_SSE_KMS_KEY_ID", "aws:kms"}},
		"sizes":           {Config{Bucket: "b", Transfers: -1, PartSize: 1}, []string{"WORKER_TRANSFERS is -1", "part size is 1 "}},
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
	cfg := Config{Bucket: "b"}.withDefaults()
	require.Equal(t, Config{Bucket: "b", Transfers: 16, PartSize: 5 << 20}, cfg)
}

// TestTheLongestKeyFits is why a prefix has a limit.
func TestTheLongestKeyFits(t *testing.T) {
	t.Parallel()
	longest := maxPrefixLength + 512 + 128 + len("/result-1000000") + len(".") + 16
	require.LessOrEqual(t, longest, maxKeyLength)
}
