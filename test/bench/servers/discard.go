package servers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// stopLimit bounds the wait for requests under way.
const stopLimit = 5 * time.Second

// startDiscard starts the least of an S3 server: it reads every body to its
// end, keeps nothing of it, checks nothing and agrees to everything, the checksum
// included. With it a row shows what a program can do, and not what a disk can.
func startDiscard(ctx context.Context) (role, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return role{}, fmt.Errorf("listen for uploads: %w", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(discard), ReadHeaderTimeout: stopLimit}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return role{url: "http://" + listener.Addr().String(), stop: func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		defer cancel()
		err := server.Shutdown(ctx)
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}}, nil
}

// discard answers PutObject, the calls of a multipart upload, and probes.
func discard(w http.ResponseWriter, r *http.Request) {
	end, err := drain(r)
	if err != nil {
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPut:
		w.Header().Set("ETag", `"discarded"`)
		w.Header().Set(checksumHeader, cmp.Or(r.Header.Get(checksumHeader), trailer(end)))
	case r.Method == http.MethodPost && query.Has("uploads"):
		_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>discarded</UploadId></InitiateMultipartUploadResult>`)
	case r.Method == http.MethodPost:
		_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"discarded"</ETag></CompleteMultipartUploadResult>`)
	case r.Method == http.MethodGet && query.Has("uploads"):
		_, _ = io.WriteString(w, `<ListMultipartUploadsResult></ListMultipartUploadsResult>`)
	}
}

// drainBuffer is how much of a body is read at once, in bytes: as few calls
// of the system as the kernel's own buffers allow.
const drainBuffer = 256 << 10

// drain reads a body to its end, and returns the last bytes of it.
func drain(r *http.Request) ([]byte, error) {
	buffer := make([]byte, min(max(r.ContentLength+1, 1), drainBuffer))
	var end tail
	// io.Discard by itself would read with a smaller buffer of its own.
	_, err := io.CopyBuffer(struct{ io.Writer }{&end}, r.Body, buffer)
	return end, err
}

// checksumHeader carries the checksum of a body, or is the name of the trailer that does.
const checksumHeader = "X-Amz-Checksum-Crc64nvme"

// trailer is the checksum at the end of a body, empty if there is none.
func trailer(end []byte) string {
	_, value, _ := bytes.Cut(bytes.ToLower(end), []byte(strings.ToLower(checksumHeader)+":"))
	return string(bytes.TrimSpace(end[len(end)-len(value):]))
}

// tail keeps the last bytes that are written to it.
type tail []byte

const tailBytes = 64

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	kept := append(*t, p[max(0, len(p)-tailBytes):]...)
	*t = kept[max(0, len(kept)-tailBytes):]
	return len(p), nil
}
