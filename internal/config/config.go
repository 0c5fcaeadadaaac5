// Package config reads the worker's settings: from flags, from environment
// variables, from defaults, in this order. One table names them all; flags,
// help and documentation come from it. The package opens no connection; of a
// file it looks whether it can be read and holds what it is for. The AWS SDK's
// own variables are the business of whoever passes a [Check] of them.
package config

import (
	"time"

	"github.com/jobferry/jobferry/internal/retry"
	"github.com/jobferry/jobferry/internal/secret"
)

// Config is what the settings say, parsed and checked. Members of sections
// that were not asked for are zero.
type Config struct {
	NATS   NATS
	API    API
	S3     S3
	Worker Worker
}

// NATS is how to reach the broker, as the nats command line tool takes it.
// Paths name files that were right when the settings were read.
type NATS struct {
	// URL lists servers, joined by commas. It may carry a user and a password:
	// do not print it. It is empty when Context is set and NATS_URL is not;
	// then the context says where.
	URL   string
	Creds string // path of a credentials file (JWT and seed)
	NKey  string // path of a file with an nkey seed
	// User without a password is a token, as in the nats tool.
	User         string
	Password     secret.String
	PasswordFile string // read at each connect; at most one of the two is set
	CA           string // path of PEM certificates
	Cert, Key    string // paths, both or none
	Context      string // name or absolute path of a context of the nats tool
}

// API is how to reach the job API: either client credentials or a token.
type API struct {
	URL              string
	ClientID         string
	ClientSecret     secret.String
	ClientSecretFile string // at most one of the two is set
	Token            secret.String
	TokenFile        string // at most one of the two is set
	CA               string // path of PEM certificates
	Cert, Key        string // paths, both or none
}

// S3 is where results go. Region, endpoint and credentials are the AWS SDK's
// own settings.
type S3 struct {
	Bucket         string
	Prefix         string // put before each key as it is
	AllowedBuckets []string
	StorageClass   string
	SSE            string
	SSEKMSKeyID    string
	PathStyle      bool
	Checksum       string // auto, trailer or md5
	PartSize       int64  // bytes of the parts of an upload, 0 for what the largest result needs
	// Of every object, as S3's own headers have them.
	Tags                                  map[string]string
	ACL, CacheControl, ContentDisposition string
	BucketKeyEnabled                      bool
	ExpectedBucketOwner                   string // every bucket belongs to that account
}

// Worker is how the worker does its work.
type Worker struct {
	SubjectPrefix  string
	StreamReplicas int
	Polls          int           // under way at once
	Transfers      int           // under way at once
	PollRate       float64       // a second, 0 for no limit
	PollTimeout    time.Duration // of one answer of the API
	DownloadStall  time.Duration // without a byte from a file host
	Backoff        retry.Policy
	JobDeadline    time.Duration
	MaxCrashes     int
	MaxResultBytes int64
	ResultHosts    []string // globs, each with an optional port
	EventsMaxAge   time.Duration
	DrainTimeout   time.Duration
	HTTPAddr       string // host:port
	LogLevel       string // debug, info, warn or error
	LogFormat      string // json or console
}
