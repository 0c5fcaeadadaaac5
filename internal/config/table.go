package config

import (
	"slices"
	"strconv"
	"time"

	"github.com/jobferry/jobferry/internal/secret"
	"github.com/jobferry/jobferry/internal/sink"
)

// Settings returns the table of all settings, in the order in which people
// are told of them.
func Settings() []Setting {
	return slices.Concat(natsSettings(), apiSettings(), s3Settings(), workerSettings())
}

func natsSettings() []Setting {
	in := func(name, help string, place func(*Config) *string, as parser[string]) Setting {
		return Setting{Name: name, Help: help, Section: SectionNATS, value: into(place, as)}
	}
	url := in("NATS_URL", "servers, joined by commas", func(c *Config) *string { return &c.NATS.URL }, natsURLs)
	url.Default = "nats://127.0.0.1:4222"
	return []Setting{
		url,
		in("NATS_CREDS", "file of user credentials", func(c *Config) *string { return &c.NATS.Creds }, credsFile),
		in("NATS_NKEY", "file of an nkey seed", func(c *Config) *string { return &c.NATS.NKey }, seedFile),
		in("NATS_USER", "user name, or a token if there is no password", func(c *Config) *string { return &c.NATS.User }, text),
		secretIn(SectionNATS, "NATS_PASSWORD", "password", func(c *Config) *secret.String { return &c.NATS.Password }, hidden),
		in("NATS_PASSWORD_FILE", "file of the password, read at each connect",
			func(c *Config) *string { return &c.NATS.PasswordFile }, secretFile),
		in("NATS_CA", "file of the certificates to trust", func(c *Config) *string { return &c.NATS.CA }, certificateFile),
		in("NATS_CERT", "file of the client certificate", func(c *Config) *string { return &c.NATS.Cert }, certificateFile),
		in("NATS_KEY", "file of the client certificate's key", func(c *Config) *string { return &c.NATS.Key }, privateKeyFile),
		in("NATS_CONTEXT", "context of the nats command line tool, by name or path", func(c *Config) *string { return &c.NATS.Context }, text),
	}
}

func apiSettings() []Setting {
	in := func(name, help string, place func(*Config) *string, as parser[string]) Setting {
		return Setting{Name: name, Help: help, Section: SectionAPI, value: into(place, as)}
	}
	url := in("NITRO_API_URL", "address of the job API", func(c *Config) *string { return &c.API.URL }, httpURL)
	url.Default = "https://api.gonitro.dev"
	return []Setting{
		url,
		in("NITRO_CLIENT_ID", "client credentials: the client's ID", func(c *Config) *string { return &c.API.ClientID }, text),
		secretIn(SectionAPI, "NITRO_CLIENT_SECRET", "client credentials: the client's secret",
			func(c *Config) *secret.String { return &c.API.ClientSecret }, header),
		in("NITRO_CLIENT_SECRET_FILE", "file of the client's secret, read again when it changes",
			func(c *Config) *string { return &c.API.ClientSecretFile }, headerFile),
		secretIn(SectionAPI, "NITRO_API_TOKEN", "a fixed bearer token instead of client credentials",
			func(c *Config) *secret.String { return &c.API.Token }, header),
		in("NITRO_API_TOKEN_FILE", "file of the bearer token, read again when it changes",
			func(c *Config) *string { return &c.API.TokenFile }, headerFile),
		in("NITRO_API_CA", "file of the certificates to trust, instead of the system's", func(c *Config) *string { return &c.API.CA }, certificateFile),
		in("NITRO_API_CERT", "file of the client certificate", func(c *Config) *string { return &c.API.Cert }, certificateFile),
		in("NITRO_API_KEY", "file of the client certificate's key", func(c *Config) *string { return &c.API.Key }, privateKeyFile),
	}
}

func secretIn(section Section, name, help string, place func(*Config) *secret.String, as parser[secret.String]) Setting {
	return Setting{Name: name, Help: help, Section: section, Secret: true, value: into(place, as)}
}

func s3Settings() []Setting {
	in := func(name, help string, v value) Setting {
		return Setting{Name: name, Help: help, Section: SectionS3, value: v}
	}
	style := in("S3_PATH_STYLE", "put the bucket into the path instead of the host name; always so where the endpoint is an address or has a port",
		into(func(c *Config) *bool { return &c.S3.PathStyle }, boolean))
	style.Default = "false"
	checksum := in("S3_CHECKSUM", "how the store checks what it is sent: auto finds out, trailer streams, md5 sends from memory",
		into(func(c *Config) *string { return &c.S3.Checksum }, oneOf(sink.Modes()...)))
	checksum.Default = string(sink.ModeAuto)
	return []Setting{
		in("S3_BUCKET", "bucket that results are stored in (required)", into(func(c *Config) *string { return &c.S3.Bucket }, bucket)),
		in("S3_PREFIX", "put before each key as it is", into(func(c *Config) *string { return &c.S3.Prefix }, keyPrefix)),
		in("S3_ALLOWED_BUCKETS", "other buckets that a submission may name, joined by commas",
			into(func(c *Config) *[]string { return &c.S3.AllowedBuckets }, listOf(bucket))),
		in("S3_STORAGE_CLASS", "storage class of the objects", into(func(c *Config) *string { return &c.S3.StorageClass }, storageClass)),
		in("S3_SSE", "server-side encryption: AES256, aws:kms or aws:kms:dsse",
			into(func(c *Config) *string { return &c.S3.SSE }, oneOf(sink.Encryptions()...))),
		in("S3_SSE_KMS_KEY_ID", "key of the encryption with KMS", into(func(c *Config) *string { return &c.S3.SSEKMSKeyID }, text)),
		in("S3_BUCKET_KEY_ENABLED", "one key of KMS for the bucket instead of a call of KMS an object",
			into(func(c *Config) *bool { return &c.S3.BucketKeyEnabled }, boolean)),
		in("S3_TAGS", "tags of the objects, as S3's header has them: team=docs&kind=result",
			into(func(c *Config) *map[string]string { return &c.S3.Tags }, tags)),
		in("S3_ACL", "access control list of the objects, private for example",
			into(func(c *Config) *string { return &c.S3.ACL }, oneOf(sink.ACLs()...))),
		in("S3_CACHE_CONTROL", "Cache-Control of the objects", into(func(c *Config) *string { return &c.S3.CacheControl }, objectHeader)),
		in("S3_CONTENT_DISPOSITION", "Content-Disposition of the objects",
			into(func(c *Config) *string { return &c.S3.ContentDisposition }, objectHeader)),
		in("S3_EXPECTED_BUCKET_OWNER", "account that the buckets must belong to",
			into(func(c *Config) *string { return &c.S3.ExpectedBucketOwner }, objectHeader)),
		in("S3_PART_SIZE", "part size of multipart uploads; unset: 5MiB, or a 10,000th of WORKER_MAX_RESULT_BYTES where that is more",
			into(func(c *Config) *int64 { return &c.S3.PartSize }, size)),
		style,
		checksum,
	}
}

func workerSettings() []Setting {
	row := func(section Section, name, fallback, help string, v value) Setting {
		return Setting{Name: name, Default: fallback, Help: help, Section: section, value: v}
	}
	return []Setting{
		row(SectionSubjects, "WORKER_SUBJECT_PREFIX", "jobs", "first tokens of all subjects; the streams are named after it",
			into(func(c *Config) *string { return &c.Worker.SubjectPrefix }, subjectPrefix)),
		row(SectionStreams, "WORKER_STREAM_REPLICAS", "1", "replicas of the streams that the worker creates",
			into(func(c *Config) *int { return &c.Worker.StreamReplicas }, between(1, maxReplicas))),
		row(SectionWork, "WORKER_POLLS", "64", "polls under way at once, 1 to 10000",
			into(func(c *Config) *int { return &c.Worker.Polls }, atOnce)),
		row(SectionWork, "WORKER_TRANSFERS", strconv.Itoa(sink.DefaultTransfers), "files being streamed at once, 1 to 10000",
			into(func(c *Config) *int { return &c.Worker.Transfers }, atOnce)),
		row(SectionWork, "WORKER_POLL_RATE", "0", "polls a second by this pod, 0 for no limit",
			into(func(c *Config) *float64 { return &c.Worker.PollRate }, rate)),
		row(SectionWork, "WORKER_POLL_TIMEOUT", "30s", "how long one answer of the API may take",
			into(func(c *Config) *time.Duration { return &c.Worker.PollTimeout }, duration)),
		row(SectionWork, "WORKER_DOWNLOAD_STALL", "30s", "how long a file host may bring no byte; twice that for its first one",
			into(func(c *Config) *time.Duration { return &c.Worker.DownloadStall }, duration)),
		row(SectionWork, "WORKER_BACKOFF_INITIAL", "1s", "wait before a job is polled again",
			into(func(c *Config) *time.Duration { return &c.Worker.Backoff.Initial }, duration)),
		row(SectionWork, "WORKER_BACKOFF_MAX", "30s", "longest wait between two polls of a job",
			into(func(c *Config) *time.Duration { return &c.Worker.Backoff.Max }, duration)),
		row(SectionWork, "WORKER_BACKOFF_MULTIPLIER", "1.5", "how much longer each wait is than the one before",
			into(func(c *Config) *float64 { return &c.Worker.Backoff.Multiplier }, multiplier)),
		row(SectionWork, "WORKER_JOB_DEADLINE", "1h", "how long a job is polled, from its submission, unless that names its own deadline",
			into(func(c *Config) *time.Duration { return &c.Worker.JobDeadline }, duration)),
		row(SectionWork, "WORKER_MAX_CRASHES", "5", "leases of one job that may be lost before it is given up as worker_crashed",
			into(func(c *Config) *int { return &c.Worker.MaxCrashes }, crashes)),
		row(SectionWork, "WORKER_MAX_RESULT_BYTES", "5GiB", "largest result file that is taken",
			into(func(c *Config) *int64 { return &c.Worker.MaxResultBytes }, size)),
		row(SectionWork, "WORKER_RESULT_HOSTS", "", "hosts that results may come from: globs with an optional port, joined by commas; unset: any public host over https",
			into(func(c *Config) *[]string { return &c.Worker.ResultHosts }, listOf(hostGlob))),
		row(SectionStreams, "WORKER_EVENTS_MAX_AGE", "72h", "how long events, and with them the uniqueness of a job ID, are kept",
			into(func(c *Config) *time.Duration { return &c.Worker.EventsMaxAge }, durationFrom(time.Second))),
		row(SectionWork, "WORKER_DRAIN_TIMEOUT", "25s", "how long running transfers may go on after SIGTERM",
			into(func(c *Config) *time.Duration { return &c.Worker.DrainTimeout }, duration)),
		row(SectionWork, "WORKER_HTTP_ADDR", ":8080", "where the live page, /livez, /readyz and /metrics are served",
			into(func(c *Config) *string { return &c.Worker.HTTPAddr }, listenAddr)),
		row(SectionLog, "WORKER_LOG_LEVEL", "info", "debug, info, warn or error",
			into(func(c *Config) *string { return &c.Worker.LogLevel }, oneOf("debug", "info", "warn", "error"))),
		row(SectionLog, "WORKER_LOG_FORMAT", "json", "json, or console for people",
			into(func(c *Config) *string { return &c.Worker.LogFormat }, oneOf("json", "console"))),
	}
}
