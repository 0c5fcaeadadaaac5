package config

import (
	"github.com/jobferry/jobferry/internal/fetch"
	"github.com/jobferry/jobferry/internal/sink"
)

// Check is a rule about more than one setting of a section, or about more than
// the setting itself says. Apply calls report with the variable to
// look at and what would be right. It need not know which problems are reported
// already.
type Check struct {
	Section Section
	Apply   func(c Config, report func(variable, want string))
}

// checks are the rules of each section.
func checks() []Check {
	return []Check{{SectionNATS, checkNATS}, {SectionAPI, checkAPI}, {SectionS3, checkS3}, {SectionWork, checkWork}}
}

func checkNATS(c Config, report func(variable, want string)) {
	n := c.NATS
	password := !n.Password.IsZero() || n.PasswordFile != ""
	if password && n.User == "" {
		report("NATS_USER", "must be set, because a password is")
	}
	if !n.Password.IsZero() && n.PasswordFile != "" {
		report("NATS_PASSWORD_FILE", "must not be set beside NATS_PASSWORD: set one of the two")
	}
	checkClientCertificate("NATS", n.Cert, n.Key, report)
	if count(n.Creds != "", n.NKey != "", n.User != "") > 1 {
		report("NATS_CREDS", "NATS_NKEY and NATS_USER are ways to authenticate: set one of them")
	}
}

func checkAPI(c Config, report func(variable, want string)) {
	a := c.API
	hasSecret := !a.ClientSecret.IsZero() || a.ClientSecretFile != ""
	hasToken := !a.Token.IsZero() || a.TokenFile != ""
	if !a.ClientSecret.IsZero() && a.ClientSecretFile != "" {
		report("NITRO_CLIENT_SECRET_FILE", "must not be set beside NITRO_CLIENT_SECRET: set one of the two")
	}
	if !a.Token.IsZero() && a.TokenFile != "" {
		report("NITRO_API_TOKEN_FILE", "must not be set beside NITRO_API_TOKEN: set one of the two")
	}
	if variable, want := fetch.CheckCredentials(a.ClientID != "", hasSecret, hasToken); variable != "" {
		report(variable, want)
	}
	checkClientCertificate("NITRO_API", a.Cert, a.Key, report)
}

// checkClientCertificate is the rule of the two settings whose names begin with prefix.
func checkClientCertificate(prefix, cert, key string, report func(variable, want string)) {
	switch {
	case cert != "" && key == "":
		report(prefix+"_KEY", "must be set, because "+prefix+"_CERT is")
	case key != "" && cert == "":
		report(prefix+"_CERT", "must be set, because "+prefix+"_KEY is")
	case cert != "" && mismatch(cert, key):
		report(prefix+"_KEY", "must be the key of the certificate in "+prefix+"_CERT")
	}
}

func checkS3(c Config, report func(variable, want string)) {
	if c.S3.Bucket == "" {
		report("S3_BUCKET", "must be set: the bucket that results are stored in")
	}
	if err := sink.CheckEncryption(c.S3.SSE, c.S3.SSEKMSKeyID); err != nil {
		report("S3_SSE", err.Error())
	}
	if err := sink.CheckBucketKey(c.S3.BucketKeyEnabled, c.S3.SSE); err != nil {
		report("S3_BUCKET_KEY_ENABLED", err.Error())
	}
	if err := sink.CheckPartSize(c.S3.PartSize, c.Worker.MaxResultBytes); err != nil {
		report("S3_PART_SIZE", err.Error())
	}
}

func checkWork(c Config, report func(variable, want string)) {
	if b := c.Worker.Backoff; b.Initial > 0 && b.Max < b.Initial {
		report("WORKER_BACKOFF_MAX", "must not be shorter than WORKER_BACKOFF_INITIAL")
	}
}

func count(conditions ...bool) int {
	n := 0
	for _, holds := range conditions {
		if holds {
			n++
		}
	}
	return n
}
