package s3client

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/auth"
	transport "github.com/aws/smithy-go/endpoints"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"
)

// countingRules are the SDK's, and count how often they are asked.
type countingRules struct {
	mu    sync.Mutex
	asked int
	err   error
}

func (r *countingRules) ResolveEndpoint(ctx context.Context, p s3.EndpointParameters) (transport.Endpoint, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.err != nil {
		return transport.Endpoint{}, r.err
	}
	return s3.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, p)
}

func about(bucket string) s3.EndpointParameters {
	return s3.EndpointParameters{Bucket: &bucket, Region: aws.String("eu-central-1"), Key: aws.String("key")}
}

func TestEndpointCacheAsksTheRulesOnceForEachPlace(t *testing.T) {
	t.Parallel()
	rules := &countingRules{}
	cache := NewEndpointCache(rules)
	elsewhere := about("one")
	elsewhere.Region = aws.String("us-west-2")
	own := about("one")
	own.Endpoint = aws.String("https://store.example")
	for range 3 {
		for _, p := range []s3.EndpointParameters{about("one"), about("two"), elsewhere, own} {
			want, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), p)
			require.NoError(t, err)
			got, err := cache.ResolveEndpoint(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, want.URI, got.URI)
			require.Equal(t, regionsOf(t, want), regionsOf(t, got))
		}
	}
	require.Equal(t, 4, rules.asked)
}

// regionsOf tells how an endpoint's requests are signed.
func regionsOf(t *testing.T, e transport.Endpoint) (regions []string) {
	t.Helper()
	ways, ok := auth.GetAuthOptions(&e.Properties)
	require.True(t, ok)
	for _, way := range ways {
		region, _ := smithyhttp.GetSigV4SigningRegion(&way.SignerProperties)
		regions = append(regions, way.SchemeID+" "+region)
	}
	return regions
}

// TestEndpointCacheLetsASessionBeAskedFor: with what it remembers of the other
// requests of a bucket of S3 Express, the request for their session would need
// one itself, without end.
func TestEndpointCacheLetsASessionBeAskedFor(t *testing.T) {
	t.Parallel()
	cache := NewEndpointCache(&countingRules{})
	object := about("results--euc1-az1--x-s3")
	session := object
	session.DisableS3ExpressSessionAuth = aws.Bool(true)
	for range 2 {
		e, err := cache.ResolveEndpoint(t.Context(), object)
		require.NoError(t, err)
		require.Equal(t, []string{"sigv4-s3express eu-central-1"}, regionsOf(t, e))
		e, err = cache.ResolveEndpoint(t.Context(), session)
		require.NoError(t, err)
		require.Equal(t, []string{"sigv4 eu-central-1"}, regionsOf(t, e))
	}
}

// TestEndpointCacheKeepsWhatTheSDKWrites to an endpoint away from the others.
func TestEndpointCacheKeepsWhatTheSDKWrites(t *testing.T) {
	t.Parallel()
	cache := NewEndpointCache(&countingRules{})
	var writers sync.WaitGroup
	for i := range 8 { // the race detector looks on
		writers.Go(func() {
			e, err := cache.ResolveEndpoint(t.Context(), about("one"))
			if err != nil {
				t.Error(err)
				return
			}
			ways, _ := auth.GetAuthOptions(&e.Properties)
			smithyhttp.SetSigV4SigningRegion(&ways[0].SignerProperties, strconv.Itoa(i))
			ways[0].SchemeID = "changed"
			e.URI.Path = "/changed"
		})
	}
	writers.Wait()
	e, err := cache.ResolveEndpoint(t.Context(), about("one"))
	require.NoError(t, err)
	require.Empty(t, e.URI.Path)
	require.Equal(t, []string{"sigv4 eu-central-1"}, regionsOf(t, e))
}

func TestEndpointCacheDoesNotRememberErrors(t *testing.T) {
	t.Parallel()
	rules := &countingRules{err: errors.New("not now")}
	cache := NewEndpointCache(rules)
	_, err := cache.ResolveEndpoint(t.Context(), about("one"))
	require.ErrorIs(t, err, rules.err)
	rules.err = nil
	_, err = cache.ResolveEndpoint(t.Context(), about("one"))
	require.NoError(t, err)
}

func TestEndpointCacheIsBounded(t *testing.T) {
	t.Parallel()
	cache := NewEndpointCache(&countingRules{})
	for i := range 3 * maxEndpoints {
		_, err := cache.ResolveEndpoint(t.Context(), about("bucket-"+strconv.Itoa(i)))
		require.NoError(t, err)
		require.LessOrEqual(t, len(cache.cache), maxEndpoints)
	}
}

// TestEndpointCacheKnowsEveryParameter of the SDK's rules: one that a new
// version adds has to be looked at.
func TestEndpointCacheKnowsEveryParameter(t *testing.T) {
	t.Parallel()
	var (
		inPlace  = []string{"Bucket", "Region", "Endpoint", "DisableS3ExpressSessionAuth"}
		unread   = []string{"Key", "Prefix", "CopySource"} // by no rule
		refused  = []string{"UseObjectLambdaEndpoint", "UseS3ExpressControlEndpoint", "DisableAccessPoints"}
		ofClient = []string{
			"UseFIPS", "UseDualStack", "ForcePathStyle", "Accelerate", "UseGlobalEndpoint",
			"DisableMultiRegionAccessPoints", "UseArnRegion",
		}
	)
	known := slices.Concat(inPlace, unread, refused, ofClient)
	for parameter := range reflect.TypeFor[s3.EndpointParameters]().Fields() {
		require.Contains(t, known, parameter.Name)
	}
	for _, name := range refused {
		p := about("one")
		reflect.ValueOf(&p).Elem().FieldByName(name).Set(reflect.ValueOf(aws.Bool(true)))
		_, ok := keyOf(p)
		require.False(t, ok, name)
	}
}
