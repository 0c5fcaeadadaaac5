package simulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"time"
)

// amzDate is the time format of signed S3 URLs.
const amzDate = "20060102T150405Z"

// signer makes and checks the query of a signed URL. It looks like S3's and
// expires like S3's, but signs the path, the date and the life only.
type signer struct {
	key  []byte
	life time.Duration
	now  func() time.Time
}

func newSigner(life time.Duration, now func() time.Time) signer {
	return signer{key: []byte(rand.Text()), life: life, now: now}
}

func (s signer) query(path string) url.Values {
	date := s.now().UTC().Format(amzDate)
	expires := strconv.Itoa(max(seconds(s.life), 1))
	return url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Date":          {date},
		"X-Amz-Expires":       {expires},
		"X-Amz-SignedHeaders": {"host"},
		"X-Amz-Signature":     {s.signature(path, date, expires)},
	}
}

func (s signer) signature(path, date, expires string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(path + "\n" + date + "\n" + expires))
	return hex.EncodeToString(mac.Sum(nil))
}

// check returns the S3 error of a URL that is not, or no longer, good; the
// zero value for a good one.
func (s signer) check(u *url.URL) storeError {
	query := u.Query()
	date, expires := query.Get("X-Amz-Date"), query.Get("X-Amz-Expires")
	if query.Get("X-Amz-Signature") == "" {
		return storeError{Code: "AccessDenied", Message: "Access Denied"}
	}
	want := s.signature(u.Path, date, expires)
	if !hmac.Equal([]byte(want), []byte(query.Get("X-Amz-Signature"))) {
		return storeError{
			Code:    "SignatureDoesNotMatch",
			Message: "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
		}
	}
	signed, err := time.Parse(amzDate, date)
	life, err2 := strconv.Atoi(expires)
	if err != nil || err2 != nil || s.now().After(signed.Add(time.Duration(life)*time.Second)) {
		return errExpired
	}
	return storeError{}
}
