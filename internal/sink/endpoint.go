package sink

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/auth"
	transport "github.com/aws/smithy-go/endpoints"
)

// maxEndpoints is how many endpoints are remembered. A worker has few buckets,
// though submissions may name any that it allows.
const maxEndpoints = 256

// endpointCache remembers where each bucket is. The SDK finds it out twice for every
// request, by rules that need neither the key nor the network; that took 40 of
// the 590 µs of a small file, see docs/PERFORMANCE.md.
//
// It is for a client whose options are the same for all its requests.
type endpointCache struct {
	rules s3.EndpointResolverV2

	mu    sync.RWMutex
	known map[place]transport.Endpoint
}

// place is what the rules look at that is not an option of the client. Key,
// Prefix and CopySource are none of it: no rule reads them.
type place struct {
	bucket, region, endpoint string
	// sessionless is how a session of S3 Express is asked for, which all other
	// requests of such a bucket need.
	sessionless bool
}

// placeOf returns false for a request that is about something else than a
// bucket's objects; those do not come often.
func placeOf(p s3.EndpointParameters) (place, bool) {
	if p.Bucket == nil || p.Region == nil || p.UseObjectLambdaEndpoint != nil || p.UseS3ExpressControlEndpoint != nil || p.DisableAccessPoints != nil {
		return place{}, false
	}
	here := place{bucket: *p.Bucket, region: *p.Region, sessionless: aws.ToBool(p.DisableS3ExpressSessionAuth)}
	if p.Endpoint != nil {
		here.endpoint = *p.Endpoint
	}
	return here, true
}

// ResolveEndpoint implements the interface.
func (e *endpointCache) ResolveEndpoint(ctx context.Context, p s3.EndpointParameters) (transport.Endpoint, error) {
	here, ok := placeOf(p)
	if !ok {
		return e.rules.ResolveEndpoint(ctx, p)
	}
	e.mu.RLock()
	found, ok := e.known[here]
	e.mu.RUnlock()
	if !ok {
		var err error
		if found, err = e.rules.ResolveEndpoint(ctx, p); err != nil {
			return found, err
		}
		e.remember(here, found)
	}
	return copyOf(found), nil
}

func (e *endpointCache) remember(here place, found transport.Endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil || len(e.known) == maxEndpoints {
		e.known = map[place]transport.Endpoint{}
	}
	e.known[here] = found
}

// copyOf returns an endpoint that the SDK may write to, as it does: it merges
// its own properties into those of the ways to sign.
func copyOf(e transport.Endpoint) transport.Endpoint {
	shared := e.Properties
	e.Headers = e.Headers.Clone()
	e.Properties = propertiesOf(shared)
	if ways, ok := auth.GetAuthOptions(&e.Properties); ok {
		own := make([]*auth.Option, len(ways))
		for i, way := range ways {
			own[i] = &auth.Option{
				SchemeID:           way.SchemeID,
				IdentityProperties: propertiesOf(way.IdentityProperties),
				SignerProperties:   propertiesOf(way.SignerProperties),
			}
		}
		auth.SetAuthOptions(&e.Properties, own)
	}
	return e
}

func propertiesOf(shared smithy.Properties) (own smithy.Properties) {
	own.SetAll(&shared)
	return own
}
