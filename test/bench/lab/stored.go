package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/jobferry/jobferry/test/bench/servers"
)

// CheckStored compares an object with the bytes that were to be stored. It
// needs a store that keeps them.
func (l *Lab) CheckStored(ctx context.Context, key string, want io.Reader) error {
	url, bucket := l.servers[servers.Store].url, servers.Bucket
	client := s3.New(s3.Options{
		BaseEndpoint: &url, Region: servers.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(servers.AccessKey, servers.SecretKey, ""),
	})
	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("read the object %s: %w", key, err)
	}
	defer object.Body.Close()
	if err := sameBytes(object.Body, want); err != nil {
		return fmt.Errorf("the object %s: %w", key, err)
	}
	return nil
}

// compareBuffer is how much is compared at once, in bytes.
const compareBuffer = 256 << 10

func sameBytes(have, want io.Reader) error {
	a, b := make([]byte, compareBuffer), make([]byte, compareBuffer)
	for at := int64(0); ; at += compareBuffer {
		n, errA := io.ReadFull(have, a)
		m, errB := io.ReadFull(want, b)
		switch {
		case !bytes.Equal(a[:n], b[:m]):
			return fmt.Errorf("it is not what was sent, within %d bytes of byte %d", compareBuffer, at)
		case isEnd(errA) && isEnd(errB):
			return nil
		case errA != nil || errB != nil:
			return errors.Join(errA, errB)
		}
	}
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
