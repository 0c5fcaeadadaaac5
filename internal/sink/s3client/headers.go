package s3client

import (
	"context"
	"fmt"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	acceptEncoding = "Accept-Encoding"
	bucketOwner    = "X-Amz-Expected-Bucket-Owner"
)

// removedKey is of the value that Accept-Encoding had.
type removedKey struct{}

// UnsignedAcceptEncoding keeps Accept-Encoding out of the signature: proxies, and
// Google's front ends before its S3 API, change it on the way, and the store then
// refuses the signature.
func UnsignedAcceptEncoding(stack *middleware.Stack) error {
	before := finalize("RemoveAcceptEncoding", func(ctx context.Context, request *smithyhttp.Request) context.Context {
		ctx = middleware.WithStackValue(ctx, removedKey{}, request.Header.Get(acceptEncoding))
		request.Header.Del(acceptEncoding)
		return ctx
	})
	after := finalize("RestoreAcceptEncoding", func(ctx context.Context, request *smithyhttp.Request) context.Context {
		if value, _ := middleware.GetStackValue(ctx, removedKey{}).(string); value != "" {
			request.Header.Set(acceptEncoding, value)
		}
		return ctx
	})
	if err := stack.Finalize.Insert(before, "Signing", middleware.Before); err != nil {
		return err
	}
	return stack.Finalize.Insert(after, "Signing", middleware.After)
}

// ExpectedBucketOwner has the store refuse every request for a bucket that belongs to
// another account.
func ExpectedBucketOwner(account string) func(*middleware.Stack) error {
	set := finalize("ExpectedBucketOwner", func(ctx context.Context, request *smithyhttp.Request) context.Context {
		request.Header.Set(bucketOwner, account)
		return ctx
	})
	return func(stack *middleware.Stack) error { return stack.Finalize.Insert(set, "Signing", middleware.Before) }
}

// finalize is a step that changes the request.
func finalize(name string, change func(context.Context, *smithyhttp.Request) context.Context) middleware.FinalizeMiddleware {
	return middleware.FinalizeMiddlewareFunc(name, func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		request, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("unexpected request of type %T", in.Request)
		}
		return next.HandleFinalize(change(ctx, request), in)
	})
}
