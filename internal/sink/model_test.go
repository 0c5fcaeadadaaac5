package sink

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// trailers is what a model of a store makes of a body with a trailer.
type trailers string

const (
	understood   trailers = "understood"
	storedAsSent trailers = "stored as sent" // with the framing of its chunks
)

// refusal is an answer that a model gives instead.
type refusal struct {
	status int
	code   string
}

// model is a store in memory, of which it can be said how it understands, ignores,
// refuses and misunderstands what a worker sends. Its zero value knows everything.
type model struct {
	trailers    trailers // understood when empty
	noTrailers  *refusal // of a body with a trailer
	noChecksums *refusal // of every header that names a checksum of the newer kind
	silent      bool     // it returns no checksum
	silentPuts  bool     // it returns one for parts alone
	status      int      // of what it takes; 200 when 0
	refusedTag  string   // that no object may have
	lostCreates int      // so many uploads are begun, and the answer is 500
	composite   bool     // a completed upload has a checksum of checksums
	ignoresMD5  bool
	maxChunk    int64 // of a body with a trailer; 0 for no limit

	mu      sync.Mutex
	objects map[string][]byte
	uploads map[string]map[int][]byte
	keys    map[string]string // of uploads, ended ones too
	seen    []string          // operations
}

// become makes it another store.
func (m *model) become(other *model) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trailers, m.noTrailers, m.noChecksums = other.trailers, other.noTrailers, other.noChecksums
	m.silent, m.composite, m.ignoresMD5, m.maxChunk = other.silent, other.composite, other.ignoresMD5, other.maxChunk
	m.silentPuts, m.status, m.refusedTag = other.silentPuts, other.status, other.refusedTag
}

func (m *model) start(t *testing.T) aws.Config {
	t.Helper()
	m.objects, m.uploads, m.keys = map[string][]byte{}, map[string]map[int][]byte{}, map[string]string{}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	return chain(server.URL)
}

func (m *model) object(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.objects[key]
	return content, ok
}

// left is what is in the bucket: objects, and uploads that nobody has ended.
func (m *model) left() (objects, uploads int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.objects), len(m.uploads)
}

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	operation := operationOf(r)
	m.seen = append(m.seen, operation)
	if no := m.refusalOf(r); no != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		answerError(w, no.status, no.code, "The model says so.")
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/"+testBucket+"/")
	id := r.URL.Query().Get("uploadId")
	switch operation {
	case opPutObject:
		if body, ok := m.receive(w, r); ok {
			m.objects[key] = body
		}
	case opCreate:
		id := strconv.Itoa(len(m.seen))
		m.uploads[id] = map[int][]byte{}
		m.keys[id] = key
		if m.lostCreates--; m.lostCreates >= 0 {
			answerError(w, http.StatusInternalServerError, "InternalError", "It has begun.")
			return
		}
		_, _ = fmt.Fprintf(w, `<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>`, id)
	case opUploadPart:
		if body, ok := m.receive(w, r); ok && m.uploads[id] == nil {
			answerError(w, http.StatusNotFound, codeNoSuchUpload, "It is gone.")
		} else if ok {
			number, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
			m.uploads[id][number] = body
		}
	case opComplete:
		m.complete(w, r, key, id)
	case opAbort:
		delete(m.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		var pairs []string
		for id := range m.uploads {
			if strings.HasPrefix(m.keys[id], r.URL.Query().Get("prefix")) {
				pairs = append(pairs, m.keys[id], id)
			}
		}
		listUploads(w, false, pairs...)
	}
}

func (m *model) refusalOf(r *http.Request) *refusal {
	if m.refusedTag != "" && strings.Contains(r.Header.Get("X-Amz-Tagging"), m.refusedTag) {
		return &refusal{http.StatusForbidden, "AccessDenied"}
	}
	if m.noTrailers != nil && r.Header.Get("X-Amz-Trailer") != "" {
		return m.noTrailers
	}
	isNew := func(name string) bool {
		name = strings.ToLower(name)
		return strings.HasPrefix(name, "x-amz-checksum-") || name == "x-amz-mp-object-size" || strings.HasPrefix(name, "x-amz-sdk-")
	}
	for name := range r.Header {
		if m.noChecksums != nil && isNew(name) {
			return m.noChecksums
		}
	}
	return nil
}

// receive reads a body as the model understands it, checks it, and answers.
func (m *model) receive(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil || int64(len(body)) != r.ContentLength {
		return nil, false // the client has given up
	}
	sum := r.Header.Get("X-Amz-Checksum-Crc64nvme")
	if r.Header.Get("X-Amz-Trailer") != "" && m.trailers != storedAsSent {
		if body, sum, err = m.decode(body); err != nil {
			answerError(w, http.StatusBadRequest, "BadRequest", err.Error())
			return nil, false
		}
	}
	own := md5.Sum(body)
	given := r.Header.Get("Content-MD5")
	switch {
	case given != "" && !m.ignoresMD5 && given != base64.StdEncoding.EncodeToString(own[:]):
		answerError(w, http.StatusBadRequest, "BadDigest", "The Content-MD5 does not fit.")
		return nil, false
	case sum != "" && !m.silent && sum != referenceChecksum(body):
		answerError(w, http.StatusBadRequest, "XAmzContentChecksumMismatch", "The checksum does not fit.")
		return nil, false
	}
	if sum != "" && !m.silent && (!m.silentPuts || operationOf(r) != opPutObject) {
		w.Header().Set("X-Amz-Checksum-Crc64nvme", sum)
	}
	w.Header().Set("ETag", `"`+hex.EncodeToString(own[:])+`"`)
	if m.status != 0 {
		w.WriteHeader(m.status)
	}
	return body, true
}

// decode takes a body out of its chunks.
func (m *model) decode(framed []byte) (body []byte, sum string, err error) {
	in := bufio.NewReader(strings.NewReader(string(framed)))
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, "", err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
		if err != nil {
			return nil, "", err
		}
		if m.maxChunk > 0 && size > m.maxChunk {
			return nil, "", fmt.Errorf("chunk too big: choose chunk size <= %d", m.maxChunk)
		}
		if size == 0 {
			trailer, _ := in.ReadString('\n')
			_, sum, _ = strings.Cut(strings.TrimSpace(trailer), checksumHeader+":")
			return body, sum, nil
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil, "", err
		}
		body = append(body, chunk[:size]...)
	}
}

func (m *model) complete(w http.ResponseWriter, r *http.Request, key, id string) {
	var list struct {
		Part []struct{ PartNumber int }
	}
	if xml.NewDecoder(r.Body).Decode(&list) != nil {
		answerError(w, http.StatusBadRequest, "MalformedXML", "")
		return
	}
	var content []byte
	for _, part := range list.Part {
		content = append(content, m.uploads[id][part.PartNumber]...)
	}
	delete(m.uploads, id)
	m.objects[key] = slices.Clip(content)
	answer := `<CompleteMultipartUploadResult><ETag>"e-1"</ETag>`
	if r.Header.Get("X-Amz-Checksum-Crc64nvme") != "" && !m.silent {
		sum := referenceChecksum(content)
		if m.composite {
			sum += "-" + strconv.Itoa(len(list.Part))
		}
		answer += "<ChecksumCRC64NVME>" + sum + "</ChecksumCRC64NVME>"
	}
	_, _ = io.WriteString(w, answer+`</CompleteMultipartUploadResult>`)
}
