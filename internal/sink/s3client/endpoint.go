package s3client

import (
	"context"
	"net"
	"net/url"
	"strings"
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

// NeedsPathStyle reports whether a store at this endpoint cannot be reached by a host
// name that begins with the bucket: there is none before an address, hardly ever one
// before a name without dots, and a port is a sign of a store that is not AWS.
func NeedsPathStyle(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return false
	}
	return u.Port() != "" || net.ParseIP(u.Hostname()) != nil || !strings.Contains(u.Hostname(), ".")
}

// EndpointCache remembers the endpoint of each bucket. The SDK finds it out twice
// for every request, by rules that need neither the key nor the network; that took
// 40 of the 590 µs of a small file, see docs/PERFORMANCE.md.
//
// It is for a client whose options are the same for all its requests.
type EndpointCache struct {
	rules s3.EndpointResolverV2

	mu    sync.RWMutex
	cache map[endpointKey]transport.Endpoint
}

// NewEndpointCache remembers what the rules say.
func NewEndpointCache(rules s3.EndpointResolverV2) *EndpointCache {
	return &EndpointCache{rules: rules}
}

// endpointKey has the parameters of the rules that are not options of the client.
// Key, Prefix and CopySource are left out: no rule reads them.
type endpointKey struct {
	bucket, region, endpoint string
	// sessionless is how a session of S3 Express is asked for, which all other
	// requests of such a bucket need.
	sessionless bool
}

// keyOf returns false for a request that is not about a bucket's objects; there
// are few of those.
func keyOf(p s3.EndpointParameters) (endpointKey, bool) {
	if p.Bucket == nil || p.Region == nil || p.UseObjectLambdaEndpoint != nil || p.UseS3ExpressControlEndpoint != nil || p.DisableAccessPoints != nil {
		return endpointKey{}, false
	}
	key := endpointKey{bucket: *p.Bucket, region: *p.Region, sessionless: aws.ToBool(p.DisableS3ExpressSessionAuth)}
	if p.Endpoint != nil {
		key.endpoint = *p.Endpoint
	}
	return key, true
}

// ResolveEndpoint implements the interface.
func (e *EndpointCache) ResolveEndpoint(ctx context.Context, p s3.EndpointParameters) (transport.Endpoint, error) {
	key, ok := keyOf(p)
	if !ok {
		return e.rules.ResolveEndpoint(ctx, p)
	}
	e.mu.RLock()
	found, ok := e.cache[key]
	e.mu.RUnlock()
	if !ok {
		var err error
		if found, err = e.rules.ResolveEndpoint(ctx, p); err != nil {
			return found, err
		}
		e.remember(key, found)
	}
	return copyOf(found), nil
}

func (e *EndpointCache) remember(key endpointKey, found transport.Endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cache == nil || len(e.cache) == maxEndpoints {
		e.cache = map[endpointKey]transport.Endpoint{}
	}
	e.cache[key] = found
}

// copyOf returns an endpoint of its own to the SDK, which writes to it: it merges
// properties into those of the ways to sign.
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
