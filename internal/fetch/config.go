package fetch

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jobferry/jobferry/internal/fetch/auth"
	"github.com/jobferry/jobferry/internal/fetch/ssrf"
	"github.com/jobferry/jobferry/internal/httpclient"
)

// The defaults of the settings that an operator does not see.
const (
	defaultMaxResultBytes = 5 << 30
	defaultRequestTimeout = 30 * time.Second
	defaultIdleLimit      = 15 * time.Second
	defaultStallLimit     = 30 * time.Second
	defaultRenewDelay     = time.Second
	defaultIdleConns      = 64
	defaultMinRate        = 1 << 10
	defaultRateWindow     = time.Minute
)

// Config is what a [Client] needs to know. Zero durations, sizes and counts
// stand for their defaults.
type Config struct {
	// BaseURL is the API's address (NITRO_API_URL): http or https, with an
	// optional path, without user, query or fragment.
	BaseURL string
	// ClientID and ClientSecret are client credentials (NITRO_CLIENT_ID,
	// NITRO_CLIENT_SECRET). Either they or Token are set.
	ClientID     string
	ClientSecret auth.Credential
	// Token is a fixed bearer token (NITRO_API_TOKEN).
	Token auth.Credential
	// TLS are the files for connections to the API (NITRO_API_CA, NITRO_API_CERT,
	// NITRO_API_KEY). They are read again when they change. File hosts never see them.
	TLS httpclient.TLSFiles
	// ResultHosts are the only hosts that results may come from
	// (WORKER_RESULT_HOSTS): host names, addresses or globs, each with an
	// optional port. A star matches dots too. Empty: any public host, over
	// https.
	ResultHosts []string
	// MaxResultBytes is the largest file or payload that is taken; 5 GiB by
	// default.
	MaxResultBytes int64
	// RequestTimeout bounds a request of the API until its first 64 KiB or
	// its end have come; 30 s by default.
	RequestTimeout time.Duration
	// IdleLimit is for how long a broken download is resumed without a byte, and
	// for how long the body of an answer of the API may bring none; 15 s by
	// default, because S3 drops an upload that is idle for about 20 s.
	IdleLimit time.Duration
	// StallLimit is how long one connection of a download may bring no byte
	// (WORKER_DOWNLOAD_STALL), and half of what its first byte may take; 30 s by
	// default. It doubles, to 2 minutes, for a job whose download has stalled.
	StallLimit time.Duration
	// MinRate is how many bytes a second a source has to bring on average over
	// each RateWindow; 1 KiB/s over a minute by default, the numbers that
	// people give curl (--speed-limit, --speed-time) and git
	// (http.lowSpeedLimit) for a dead line. All 16 slots of
	// a pod stay above it on a line of 0.2 Mbit/s. A slower download is resumed
	// on another connection, and waits after the third; a slower answer of the
	// API waits at once.
	MinRate    int64
	RateWindow time.Duration
	// RenewDelay is the wait before a second fresh URL is asked for; it
	// doubles before the third. 1 s by default.
	RenewDelay time.Duration
	// IdleConns is how many connections are kept for each host; 64 by
	// default. The number of polls under way at once is a good value.
	IdleConns int
}

// withDefaults fills in what was left at zero.
func (c Config) withDefaults() Config {
	c.MaxResultBytes = cmp.Or(c.MaxResultBytes, defaultMaxResultBytes)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, defaultRequestTimeout)
	c.IdleLimit = cmp.Or(c.IdleLimit, defaultIdleLimit)
	c.StallLimit = cmp.Or(c.StallLimit, defaultStallLimit)
	c.RenewDelay = cmp.Or(c.RenewDelay, defaultRenewDelay)
	c.IdleConns = cmp.Or(c.IdleConns, defaultIdleConns)
	c.MinRate = cmp.Or(c.MinRate, defaultMinRate)
	c.RateWindow = cmp.Or(c.RateWindow, defaultRateWindow)
	return c
}

// Validate reports everything that is wrong with the configuration. It reads
// the credentials, so that a missing file shows at once.
func (c Config) Validate() error {
	_, baseErr := ParseBaseURL(c.BaseURL)
	if baseErr != nil {
		baseErr = fmt.Errorf("NITRO_API_URL %w", baseErr)
	}
	_, guardErr := ssrf.New(c.ResultHosts)
	c = c.withDefaults()
	return errors.Join(
		baseErr,
		c.validateCredentials(),
		guardErr,
		positive("the largest result", c.MaxResultBytes),
		positive("the request timeout", c.RequestTimeout),
		positive("the idle limit", c.IdleLimit),
		positive("the stall limit", c.StallLimit),
		positive("the smallest rate", c.MinRate),
		positive("the window of the rate", c.RateWindow),
		positive("the renewal delay", c.RenewDelay),
		positive("the number of idle connections", c.IdleConns),
	)
}

func positive[T int | int64 | time.Duration](what string, value T) error {
	if value > 0 {
		return nil
	}
	return fmt.Errorf("%s is %v; it must be positive", what, value)
}

func (c Config) validateCredentials() error {
	if variable, want := CheckCredentials(c.ClientID != "", c.ClientSecret != nil, c.Token != nil); variable != "" {
		return errors.New(variable + " " + want)
	}
	if c.Token != nil {
		return readable("NITRO_API_TOKEN", c.Token)
	}
	return readable("NITRO_CLIENT_SECRET", c.ClientSecret)
}

// CheckCredentials returns the setting that is wrong and what it must be, or
// nothing if there is one way to be authorized, and only one. With two, a stale
// token could hide that the client credentials are wrong.
func CheckCredentials(hasID, hasSecret, hasToken bool) (variable, want string) {
	switch {
	case hasToken && (hasID || hasSecret):
		return "NITRO_API_TOKEN", "must not be set beside client credentials: set NITRO_CLIENT_ID and NITRO_CLIENT_SECRET, or NITRO_API_TOKEN"
	case hasToken || hasID && hasSecret:
		return "", ""
	case hasID:
		return "NITRO_CLIENT_SECRET", "or NITRO_CLIENT_SECRET_FILE must be set, because NITRO_CLIENT_ID is"
	case hasSecret:
		return "NITRO_CLIENT_ID", "must be set, because NITRO_CLIENT_SECRET is"
	default:
		return "NITRO_CLIENT_ID", "must be set, together with NITRO_CLIENT_SECRET; or set NITRO_API_TOKEN instead"
	}
}

// readable names the variable of a credential that cannot be read.
func readable(variable string, credential auth.Credential) error {
	if _, err := credential.Reread(); err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	return nil
}

// ParseBaseURL reads the API's address. Its error says what the address must be.
// It does not repeat the address, which may hold a secret.
func ParseBaseURL(raw string) (*url.URL, error) {
	base, err := url.Parse(raw)
	switch {
	case err != nil, base.Hostname() == "", base.Scheme != "https" && base.Scheme != "http":
		return nil, errors.New("must be a URL such as https://api.gonitro.dev")
	case base.User != nil:
		return nil, errors.New("must be a URL without user and password; credentials have settings of their own")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("must be a URL without query and fragment")
	}
	return base, nil
}
